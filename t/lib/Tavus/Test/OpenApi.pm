package Tavus::Test::OpenApi;

# Answers, and requests that were taken, held against docs/openapi.yaml.
#
#   Tavus::Test::OpenApi->watch($ua, $port);    what it asks that server
#   Tavus::Test::OpenApi->told($tb);            what was wrong, as a test
#   my $o = Tavus::Test::OpenApi->document;     the one of the repository
#   my @wrong = $o->look($tx);                  of a Mojo::Transaction::HTTP
#   $o->seen              {"operation status" => n, "status code" => n}
#   $o->named             all of these that it names
#
# A schema is read without its references, and JSON::Validator judges: it knows
# 2019-09, and what the document takes from 2020-12 is the same there, but
# unevaluatedProperties, which is additionalProperties of all that is joined.

use v5.36;
use JSON::Validator::Schema::Draft201909;
use Mojo::JSON qw(decode_json false);
use YAML::XS ();

my $FILE = 'docs/openapi.yaml';
my $LARGE = 262144;     # of these the first of each kind is looked into
my %METHODS = map { $_ => 1 } qw(get post patch put delete);

my $document;

sub document ($class) { return $document //= $class->new($FILE) }

sub watch ($class, $ua, $port) {
    $ua->on(start => sub ($ua, $tx) {
        $tx->on(finish => sub ($tx) {
            $class->document->keep($tx)
                if ($tx->req->url->port // 0) == $port;
        });
    });
    return;
}

sub keep ($self, $tx) {
    my @wrong = $self->look($tx) or return;
    my $why = join '; ', @wrong;
    my ($n, $at) = (0, '');

    # of a kind one is enough
    return if $self->{told}{$tx->res->code . " $why"}++;
    while (my @frame = caller $n++) {
        $at ||= " ($frame[1] line $frame[2])" if $frame[1] =~ /\.t\z/;
    }
    push $self->{wrong}->@*, sprintf '%s %s, answered %d%s: %s',
        $tx->req->method, $tx->req->url->path_query, $tx->res->code, $at, $why;
    return;
}

sub told ($class, $tb) {
    my $wrong = $document && delete $document->{wrong};

    $tb->ok(!$wrong,
        'answers are what docs/openapi.yaml says');
    $tb->diag(map { "openapi: $_\n" } grep { defined } @$wrong[0 .. 19])
        if $wrong;
    $document->keep_seen if $document;
    return;
}

sub new ($class, $file) {
    local $YAML::XS::Boolean = 'JSON::PP';
    my $self = bless {
        data => YAML::XS::LoadFile($file), seen => {}, schemas => {},
        judge => JSON::Validator::Schema::Draft201909->new({})
            ->recursive_data_protection(0),
    }, $class;

    # any of that form, of no version alone
    $self->{judge}->formats->{uuid} = sub ($value) {
        return $value =~ /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\z/i
            ? undef : "Is no UUID.";
    };

    for my $path (sort keys $self->{data}{paths}->%*) {
        my $item = $self->{data}{paths}{$path};
        my $like = join '[^/]+', map { quotemeta }
            split /\{[^}]+\}/, $path, -1;
        my %of = map { (uc, $item->{$_}) } grep { $METHODS{$_} } keys %$item;
        # an address with a literal is not one with an id
        push $self->{paths}->@*, {path => $path, like => qr/^$like\z/,
            of => \%of, parameters => $item->{parameters} // [],
            ids => scalar(() = $path =~ /\{/g)};
    }
    $self->{paths}->@* = sort { $a->{ids} <=> $b->{ids} } $self->{paths}->@*;
    return $self;
}

sub data ($self) { return $self->{data} }
sub seen ($self) { return $self->{seen} }

# ---- the document ----------------------------------------------------------

sub resolve ($self, $node) {
    while (ref $node eq 'HASH' && defined $node->{'$ref'}
        && !ref $node->{'$ref'})
    {
        my $to = $self->{data};
        $to = $to->{$_} // die "no $node->{'$ref'}\n"
            for split m{/}, $node->{'$ref'} =~ s{^#/}{}r;
        $node = $to;
    }
    return $node;
}

# The schema that a node is, with what it refers to in it.
sub schema ($self, $node) {
    $node = $self->resolve($node);
    return $node unless ref $node eq 'HASH' || ref $node eq 'ARRAY';
    return $self->{schemas}{$node} //= ref $node eq 'ARRAY'
        ? [map { $self->schema($_) } @$node]
        : $self->joined({map { $_ => $self->schema($node->{$_}) }
            keys %$node});
}

sub joined ($self, $schema) {
    return $schema unless exists $schema->{unevaluatedProperties};
    my %one = (type => 'object', additionalProperties => false,
        required => [], properties => {});
    for my $part ($schema, ($schema->{allOf} // [])->@*) {
        push $one{required}->@*, ($part->{required} // [])->@*;
        $one{properties} = {$one{properties}->%*,
            ($part->{properties} // {})->%*};
    }
    return \%one;
}

sub find ($self, $path) {
    for my $p ($self->{paths}->@*) {
        return $p if $path =~ $p->{like};
    }
    return undef;
}

# The codes that a schema of a problem leaves; none if it is no problem.
sub codes ($self, $schema) {
    my @codes = map { $_->{properties}{code} // () } $schema,
        ($schema->{allOf} // [])->@*;
    return map { $_->{enum} ? $_->{enum}->@* : $_->{const} // () } @codes;
}

sub named ($self) {
    my %named;
    for my $op (map { values $_->{of}->%* } $self->{paths}->@*) {
        for my $status (grep { $_ ne 'default' } keys $op->{responses}->%*) {
            my $answer = $self->resolve($op->{responses}{$status});
            my ($problem) = map { $self->schema($_->{schema}) }
                ($answer->{content} // {})->{'application/problem+json'} // ();
            my @codes = $problem ? $self->codes($problem) : ();
            $named{"$op->{operationId} $status"} = 1;
            $named{"$status $_"} = 1 for @codes;
        }
    }
    return \%named;
}

# ---- an exchange -----------------------------------------------------------

sub wrong ($self, $schema, $value) {
    return map { "$_" } $self->{judge}->validate($value, $self->schema($schema));
}

sub look ($self, $tx) {
    my ($req, $res) = ($tx->req, $tx->res);
    my ($method, $path, $status) =
        ($req->method, $req->url->path->to_string, $res->code);

    return () if !$status || $method eq 'OPTIONS';

    my $of = $self->find($path);

    # nothing is there, but guards stand before it, and nginx reads addresses
    if (!$of) {
        return () if $path !~ m{^/api/} || $path =~ m{//|\.\.|%};
        return $status < 400 ? "$path is no address of it"
            : $self->answer('', $status, {default => $self->refused}, $tx);
    }

    $method = 'GET' if $method eq 'HEAD';
    my $op = $of->{of}{$method};

    # a method that nobody offers is refused with those that are
    if (!$op) {
        my %allowed = map { $_ => 1 }
            split /,\s*/, $res->headers->header('Allow') // '';
        return "$method is no method of it, but the answer is $status"
            if $status < 400;
        return $self->answer('', $status, {default => $self->refused}, $tx),
            $status == 405
                ? map { "it allows $_, which has no operation" }
                    grep { $_ ne 'HEAD' && !$of->{of}{$_} } keys %allowed
                : ();
    }

    return $self->answer($op->{operationId}, $status, $op->{responses}, $tx),
        $status < 300 ? $self->request($op, $of, $req) : ();
}

sub refused ($self) {
    return $self->{data}{components}{responses}{Refused};
}

sub answer ($self, $id, $status, $answers, $tx) {
    my $res = $tx->res;
    my $answer = $self->resolve($answers->{$status} // $answers->{default});
    my @wrong;

    return () if $status == 304;
    # what nginx says where no error_page stands
    return () if $status >= 400 && $res->body =~ m{<hr><center>nginx}
        && ($res->headers->content_type // '') =~ m{^text/html};
    return "$status is no status of it"
        if !$answers->{$status} && $status < 400;

    for my $name (sort keys(($answer->{headers} // {})->%*)) {
        my $header = $self->resolve($answer->{headers}{$name});
        my $value = $res->headers->header($name);
        if (!defined $value) {
            push @wrong, "there is no $name" if $header->{required};
            next;
        }
        $value += 0 if ($header->{schema}{type} // '') eq 'integer'
            && $value =~ /^-?\d+\z/;
        push @wrong, map { "$name: $_" } $self->wrong($header->{schema}, $value);
    }

    my ($type) = ($res->headers->content_type // '') =~ m{^([^;\s]+)};
    my $content = $answer->{content};
    my $media = $content && $content->{$type // ''};
    my $code = '';

    if (!$media) {
        push @wrong, 'the type ' . ($type // 'none') . ' is none of it'
            if $content && $tx->req->method ne 'HEAD';

    } elsif ($type =~ m{[/+]json\z} && $tx->req->method ne 'HEAD') {
        my $length = $res->content->progress;

        # of problems all are
        if ($length < $LARGE || $type =~ /problem/ || !$self->{large}{$id}++) {
            # nested as it may be
            local $SIG{__WARN__} = sub { warn @_ if "@_" !~ /^Deep recursion/ };
            my $value = eval { decode_json($res->body) };
            push @wrong, $@ ? "it is no JSON: $@"
                : $self->wrong($media->{schema}, $value);
            if ($type =~ /problem/ && ref $value eq 'HASH') {
                $code = $value->{code} // '';
                push @wrong, $self->problem($res, $status, $value);
            }
        }
    }

    if (length $id && $answers->{$status}) {
        $self->{seen}{"$id $status"}++;
        $self->{seen}{"$status $code"}++ if length $code;
    }
    return @wrong;
}

sub problem ($self, $res, $status, $value) {
    my $after = $res->headers->header('Retry-After');
    return (
        ($value->{status} // 0) == $status ? ()
            : 'its status is not that of the answer',
        ($value->{retry_after} // '') eq ($after // '') ? ()
            : 'retry_after and Retry-After differ',
        ($value->{request_id} // '')
            eq ($res->headers->header('X-Request-Id') // '') ? ()
            : 'request_id and X-Request-Id differ',
    );
}

# What was taken is what the document says may be sent.
sub request ($self, $op, $of, $req) {
    my @wrong;
    my %known = map { $_->{name} => $_->{schema} }
        grep { $_->{in} eq 'query' } map { $self->resolve($_) }
        $of->{parameters}->@*, ($op->{parameters} // [])->@*;
    my $sent = $req->url->query->to_hash;

    # the token of a callback is its proof
    delete $sent->{token};

    # where nothing is asked for nobody looks
    for my $name (%known ? sort keys %$sent : ()) {
        if (!$known{$name}) {
            # who watches may say what he likes
            next if $of->{path} !~ m{^/api/};
            push @wrong, "the parameter $name is none of it";
            next;
        }
        my $schema = $self->schema($known{$name});
        my $value = $sent->{$name};
        # what is empty is not there
        next if ref $value || $value eq '';
        my $type = $schema->{type} // '';
        $value += 0 if $type eq 'integer' && $value =~ /^-?\d+\z/;
        next if $type eq 'boolean' && $value =~ /^(?:true|false)\z/;
        push @wrong, map { "the parameter $name: $_" }
            $self->wrong($schema, $value);
    }

    my $body = $self->resolve($op->{requestBody});
    my $bytes = $req->body;
    if (length $bytes && $body) {
        my $media = $body->{content}{'application/json'};
        my $value = eval { decode_json($bytes) };
        push @wrong, map { "the request: $_" }
            $self->wrong($media->{schema}, $value) if defined $value;
    }
    return @wrong;
}

# For t/lib/openapi_seen.pl, which wants to know what no test has seen.
sub keep_seen ($self) {
    my $dir = $ENV{TAVUS_OPENAPI_SEEN} // return;
    open my $out, q(>>), "$dir/$$" or die "$dir: $!\n";
    say {$out} $_ for sort keys $self->{seen}->%*;
    close $out or die "$dir: $!\n";
    return;
}

1;
