package Tavus::Test::SandboxCalls;

# For tests of the sandbox itself:
#
#   my ($s, $call, $create) = sandbox_calls();
#   $call->(GET => '/v2/conversations');            with the key
#   $call->(POST => $path, {…}, {headers});
#   $create->(field => value);                      the least there must be

use v5.36;
use Exporter qw(import);
use Mojo::UserAgent;

use Tavus::Test::Sandbox;

our @EXPORT = qw(sandbox_calls);

sub sandbox_calls () {
    my $s = Tavus::Test::Sandbox->new;
    my $ua = Mojo::UserAgent->new(inactivity_timeout => 20);
    my %key = ('x-api-key' => $s->api_key);

    my $call = sub ($method, $path, $json = undef, $headers = \%key) {
        my $url = $path =~ /^http/ ? $path : $s->url . $path;
        my $tx = $ua->build_tx($method => $url, $headers,
            defined $json ? (json => $json) : ());
        return $ua->start($tx)->result;
    };
    my $create = sub (%more) {
        return $call->(POST => '/v2/conversations',
            {persona_id => 'p01', replica_id => 'r01', %more});
    };
    return ($s, $call, $create);
}

1;
