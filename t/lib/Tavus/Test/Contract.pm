package Tavus::Test::Contract;

# Traffic, held against an OpenAPI document (3.0).
#
#   my $c = Tavus::Test::Contract->new($file);
#   $c->strict              no object has a field that is not named
#   $c->look($call)         an entry of the sandbox's /_calls, with its answer
#   $c->findings            what was wrong: {"operation part path" => text}
#   $c->seen                all that was there, {"operation part path" => n}
#   $c->named               all that the document names, likewise
#   $c->operation($call)    its name there, or undef
#   $c->wrong($schema, $data)   what is wrong with it, a list of texts
#
# A part is "request", "query" or a status; a path is that of a value in the
# body, with * for any item of a list, or the name of a parameter.  Schemas are
# JSON::Validator's to read; it is told to change no types.

use v5.36;
use JSON::Validator;
use Mojo::JSON qw(decode_json encode_json false true);
use Mojo::Parameters;
use YAML::XS ();

sub new ($class, $file) {
    local $YAML::XS::Boolean = 'JSON::PP';
    return bless {
        data => YAML::XS::LoadFile($file), findings => {}, seen => {},
    }, $class;
}

sub data ($self)     { return $self->{data} }
sub findings ($self) { return $self->{findings} }
sub seen ($self)     { return $self->{seen} }

# ---- the document ----------------------------------------------------------

sub validator ($self) {
    return $self->{validator} //= do {
        my $v = JSON::Validator->new->schema($self->{data})->schema;
        $v->coerce({});
        $v;
    };
}

sub resolve ($self, $node) {
    while (ref $node eq 'HASH' && defined $node->{'$ref'}
        && !ref $node->{'$ref'})
    {
        my $to = $self->{data};
        $to = $to->{$_} for split m{/}, $node->{'$ref'} =~ s{^#/}{}r;
        $node = $to;
    }
    return $node;
}

# Each operation: path, method, itself, and its parameters.
sub operations ($self) {
    return $self->{operations} //= [map {
        my $path = $_;
        my $item = $self->{data}{paths}{$path};
        map { {path => $path, method => uc $_, op => $item->{$_},
            name => $item->{$_}{operationId},
            parameters => [map { $self->resolve($_) }
                ($item->{parameters} // [])->@*,
                ($item->{$_}{parameters} // [])->@*]} }
            grep { /^(?:get|post|put|patch|delete)\z/ } sort keys %$item
    } sort keys $self->{data}{paths}->%*];
}

sub find ($self, $method, $path) {
    for my $o ($self->operations->@*) {
        my $like = join '[^/]+', map { quotemeta }
            split /\{[^}]+\}/, $o->{path}, -1;
        return $o if $o->{method} eq $method && $path =~ /^$like\z/;
    }
    return undef;
}

sub operation ($self, $call) {
    my $o = $self->find($call->@{qw(method path)});
    return $o && $o->{name};
}

# The schema of what is sent, or of what is answered.
sub schema ($self, $what) {
    return undef unless $what = $self->resolve($what);
    my ($json) = grep { m{^application/json} }
        keys(($what->{content} // {})->%*);
    return $json && $what->{content}{$json}{schema};
}

sub bodies ($self, $o) {
    my $answers = $o->{op}{responses};
    return (
        [request => $self->schema($o->{op}{requestBody})],
        map { [$_ => $self->schema($answers->{$_})] } sort keys %$answers,
    );
}

sub walk ($self, $schema, $do, $path = '', $above = {}) {
    $schema = $self->resolve($schema);
    return if ref $schema ne 'HASH' || $above->{$schema};
    $above = {%$above, $schema => 1};
    $do->($schema, $path);
    my $p = $schema->{properties} // {};
    $self->walk($p->{$_}, $do, "$path/$_", $above) for keys %$p;
    $self->walk($schema->{items}, $do, "$path/*", $above);
    for (map { ($schema->{$_} // [])->@* } qw(allOf anyOf oneOf)) {
        $self->walk($_, $do, $path, $above);
    }
}

sub strict ($self) {
    for my $schema (map { $_->[1] } map { $self->bodies($_) }
        $self->operations->@*)
    {
        $self->walk($schema, sub ($s, $path) {
            $s->{additionalProperties} //= false if $s->{properties};
        });
    }
    return $self;
}

sub named ($self) {
    my %named;
    for my $o ($self->operations->@*) {
        for ($self->bodies($o)) {
            my ($part, $schema) = @$_;
            $named{"$o->{name} $part"} = 1 if $part ne 'request';
            $self->walk($schema, sub ($s, $path) {
                $named{"$o->{name} $part $path"} = 1 if length $path;
            });
        }
        $named{"$o->{name} query $_->{name}"} = 1
            for grep { $_->{in} eq 'query' } $o->{parameters}->@*;
    }
    return \%named;
}

# ---- the traffic -----------------------------------------------------------

sub look ($self, $call) {
    my $o = $self->find($call->@{qw(method path)});
    my ($status, $body) = ($call->{answer} // {})->@{qw(status body)};

    return $self->finding($call->{x_name}
        // "$call->{method} $call->{path}", 'is not there') unless $o;

    # of a request that was refused only the answer has to fit
    if (!defined $status || $status < 400) {
        $self->look_at_query($o, $call->{query});
        $self->look_at_body($o, request =>
            $o->{op}{requestBody}, $call->{body});
    }
    return unless defined $status;

    my $answers = $o->{op}{responses};
    $self->{seen}{"$o->{name} $status"}++;
    return $self->finding("$o->{name} $status", 'is no status of it')
        unless $answers->{$status};
    $self->look_at_body($o, $status => $answers->{$status}, $body);
}

sub finding ($self, $where, $why) {
    $self->{findings}{$where} //= $why;
    return;
}

sub look_at_query ($self, $o, $query) {
    my %known = map { $_->{name} => $_ }
        grep { $_->{in} eq 'query' } $o->{parameters}->@*;
    my $sent = Mojo::Parameters->new($query)->to_hash;

    for my $name (keys %$sent) {
        my $where = "$o->{name} query $name";
        $self->{seen}{$where}++;
        my $p = $known{$name};
        if (!$p) {
            $self->finding($where, 'is not there');
            next;
        }
        my $schema = $self->resolve($p->{schema});
        my $value = $sent->{$name};
        $value += 0 if $schema->{type} eq 'integer' && $value =~ /^-?\d+\z/;
        $value = $value eq 'true' ? true : false
            if $schema->{type} eq 'boolean' && $value =~ /^(?:true|false)\z/;
        $self->finding($where, "$_")
            for $self->validator->validate($value, $schema);
    }
}

sub look_at_body ($self, $o, $part, $what, $body) {
    my $schema = $self->schema($what);
    my $there = ref $body || length($body // '');

    if (!$schema) {
        # an answer of which nothing is said may have one
        $self->finding("$o->{name} $part", 'has a body')
            if $there && $part eq 'request';
        return;
    }
    return $self->finding("$o->{name} $part", 'has no body') unless $there;

    $self->seen_in($body, "$o->{name} $part ");
    $self->check($schema, $body, "$o->{name} $part");
}

sub seen_in ($self, $value, $at, $path = '') {
    $self->{seen}{"$at$path"}++ if length $path;
    if (ref $value eq 'HASH') {
        $self->seen_in($value->{$_}, $at, "$path/$_") for keys %$value;
    }
    if (ref $value eq 'ARRAY') {
        $self->seen_in($_, $at, "$path/*") for @$value;
    }
}

sub wrong ($self, $schema, $data) {
    return 'is not there' unless $schema;
    return map { "$_" }
        $self->validator->validate($data, $self->resolve($schema));
}

# The validator stops at the first fields that are not allowed: they are taken
# away, and it is asked again.
sub check ($self, $schema, $body, $where) {
    my $left = decode_json(encode_json($body));

    while (1) {
        my @errors = $self->validator->validate($left, $schema);
        my $again = 0;

        for my $error (@errors) {
            my @path = grep { length } split m{/}, $error->path;
            my @names = $error->message
                =~ /Properties not allowed: (.*?)\.?\z/ ? split /, /, $1 : ();
            my $path = join '', map { '/' . (/^\d+\z/ ? '*' : $_) } @path;

            if (!@names) {
                $self->finding($where . (length $path ? " $path" : ''),
                    $error->message);
                next;
            }
            my $in = $left;
            $in = ref $in eq 'ARRAY' ? $in->[$_] : $in->{$_} for @path;
            for my $name (@names) {
                $self->finding("$where $path/$name", 'is not there');
                $again += exists $in->{$name};
                delete $in->{$name};
            }
        }
        return unless $again;
    }
}

1;
