package Tavus::Test::Tls;

# Certificates of the test's own.
#
#   my $ca = Tavus::Test::Tls->new;
#   $ca->file                       the CA's certificate, in PEM
#   my ($cert, $key) = $ca->cert(name => 'api.test', days => 1);
#   http_extra => $ca->front(port => $port, name => 'api.test')
#                                   https before the sandbox, all of its paths;
#                                   also days, address, more => 'directives'
#
# Days may be -1: expired.  A name that is an address becomes one.

use v5.36;
use Carp qw(croak);
use Tavus::Test::Process qw(new_dir release spew);

sub openssl (@args) {
    my $out = qx{openssl @{[join ' ', map { quotemeta } @args]} 2>&1 </dev/null};
    croak "openssl @args: $out" if $?;
}

my @KEY = ('-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes');

sub new ($class) {
    my $self = bless {dir => new_dir(), serial => 0, owner => $$}, $class;
    openssl(qw(req -x509), @KEY, '-days', 2, '-subj', '/CN=test CA',
        '-keyout', "$self->{dir}/ca.key", '-out', $self->file);
    return $self;
}

sub file ($self) { return "$self->{dir}/ca.crt" }

sub cert ($self, %opt) {
    my $base = "$self->{dir}/" . ++$self->{serial};
    my $kind = $opt{name} =~ /^[\d.]+\z/ ? 'IP' : 'DNS';
    spew("$base.ext", "subjectAltName=$kind:$opt{name}\n");
    openssl('req', @KEY, '-subj', "/CN=$opt{name}", '-keyout', "$base.key",
        '-out', "$base.csr");
    openssl('x509', '-req', '-in', "$base.csr", '-CA', $self->file, '-CAkey',
        "$self->{dir}/ca.key", '-CAcreateserial', '-days', $opt{days} // 1,
        '-extfile', "$base.ext", '-out', "$base.crt");
    return ("$base.crt", "$base.key");
}

sub front ($self, %opt) {
    my ($cert, $key) = $self->cert(%opt{grep { exists $opt{$_} } qw(name days)});
    my $address = $opt{address} // '127.0.0.1';
    my $more = $opt{more} // '';
    return "server { listen $address:$opt{port} ssl; "
        . 'ssl_protocols TLSv1.2 TLSv1.3; client_max_body_size 32m; '
        . "ssl_certificate $cert; ssl_certificate_key $key; $more "
        . "location / { proxy_pass %%SANDBOX%%; } }\n";
}

sub DESTROY ($self) {
    release($self);
    return;
}

1;
