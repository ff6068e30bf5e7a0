#!/usr/bin/perl
# docs/openapi.yaml says what the code and docs/http-api.md say: the version,
# the codes of each status, the routes of the admin API with their parameters.
use v5.36;
use YAML::XS ();

my $FILE = 'docs/openapi.yaml';
my $HTTP = 'docs/http-api.md';
my $bad = 0;

sub bad ($what) {
    say "$FILE:1: $what";
    $bad = 1;
    return;
}

sub slurp ($file) {
    open my $in, '<:encoding(UTF-8)', $file or die "$file: $!\n";
    local $/;
    return scalar <$in>;
}

my $doc = YAML::XS::LoadFile($FILE);
my $text = slurp($HTTP);

sub resolve ($node) {
    while (ref $node eq 'HASH' && $node->{'$ref'} && !ref $node->{'$ref'}) {
        my $to = $doc;
        $to = $to->{$_} for split m{/}, $node->{'$ref'} =~ s{^#/}{}r;
        $node = $to;
    }
    return $node;
}

version();
codes();
routes();
addresses();
exit $bad;


sub version () {
    my ($version) = slurp('ngx_tavus_module/core/tavus_version.h')
        =~ /^#define TAVUS_VERSION  "([^"]+)"/m;
    bad("version $doc->{info}{version}, but the module's is $version")
        if $doc->{info}{version} ne $version;
    return;
}

# what each status may mean, in the tables of one and the schemas of the other
sub codes () {
    my (%here, %there);

    for my $item (values $doc->{paths}->%*) {
        for my $op (grep { ref eq 'HASH' && $_->{operationId} } values %$item) {
            for my $status (grep { /^\d+\z/ } keys $op->{responses}->%*) {
                my $content = resolve($op->{responses}{$status})->{content};
                my $schema = ($content // {})->{'application/problem+json'};
                for my $part (($schema->{schema}{allOf} // [])->@*) {
                    my $code = ($part->{properties} // {})->{code} // next;
                    $here{"$status $_"} = 1
                        for $code->{enum} ? $code->{enum}->@* : $code->{const};
                }
            }
        }
    }

    while ($text =~ /^\| ([45]\d\d(?:, [45]\d\d)*) \| ([^|]*) \|/gm) {
        my ($statuses, $codes) = ($1, $2);
        for my $status (split /, /, $statuses) {
            $there{"$status $_"} = 1 for $codes =~ /`([a-z_]+)`/g;
        }
    }

    # what nginx and guards say, also in sentences
    my ($refused) = grep { $_ } map { $_->{properties}{code}{enum} }
        grep { $_->{properties} } $doc->{components}{responses}{Refused}{content}
            {'application/problem+json'}{schema}{allOf}->@*;
    my %refused = map { $_ => 1 } @$refused;

    for (sort keys %there) {
        my $code = s/^\d+ //r;
        bad("$_ of $HTTP is not in it") if !$here{$_} && !$refused{$code};
    }
    for (sort keys %here) {
        my $code = s/^\d+ //r;
        bad("$_ is not in a table of $HTTP") if !$there{$_} && !$refused{$code};
    }
    return;
}

# the table in C and the words that it knows
sub routes () {
    my $c = slurp('ngx_tavus_module/endpoint/ngx_tavus_admin.c');
    my ($table) = $c =~ /ngx_tavus_admin_routes\[\] = \{\n(.*?)^\};/ms;
    # what the list of events and others have in common
    my ($filter) = slurp('ngx_tavus_module/endpoint/ngx_tavus_admin_args.h')
        =~ /^#define NGX_TAVUS_ADMIN_EVENTS_FILTER(.*?[^\\])$/ms;
    $table =~ s/NGX_TAVUS_ADMIN_EVENTS_FILTER/$filter/g;

    my ($words) = slurp('ngx_tavus_module/endpoint/ngx_tavus_admin_args.c')
        =~ /ngx_tavus_admin_words\[\].*? = \{\n(.*?)^\};/ms;
    my %words = map { /ngx_tavus_arg_(\w+)\] = \{([^}]*)\}/
        ? ($1 => [$2 =~ /"([^"]+)"/g]) : () }
        split /(?<=\}),?\n/, $words;
    my $n = 0;

    while ($table =~ /\{ ngx_string\("([^"]+)"\),(.*?)\} \} \}/gs) {
        my ($path, $row) = ($1, $2);
        my ($item) = grep { m{^/api/admin/\Q$path\E(?:\{\w+\})?\z} }
            sort keys $doc->{paths}->%*;
        $n++;

        if (!$item) {
            bad("no path /api/admin/$path");
            next;
        }

        my %named = map { my $p = resolve($_); ($p->{name} => $p) }
            ($doc->{paths}{$item}{parameters} // [])->@*,
            ($doc->{paths}{$item}{get}{parameters} // [])->@*;

        while ($row =~ /\{ "(\w+)", (\d+), ngx_tavus_arg_(\w+)/g) {
            my ($name, $max, $kind) = ($1, $2, $3);
            my $p = delete $named{$name};
            if (!$p) {
                bad("$item has no parameter $name");
                next;
            }
            my $schema = resolve($p->{schema});
            bad("$item: $name may have $max bytes") if ($kind eq 'text'
                || $kind eq 'personal' || $kind eq 'key')
                && ($schema->{maxLength} // 0) != $max;
            bad("$item: $name is one of $words{$kind}->@*")
                if $words{$kind} && $kind ne 'boolean'
                    && "@{$schema->{enum} // []}" ne "$words{$kind}->@*";
        }
        bad("$item has no parameter $_ in C") for sort keys %named;
    }
    bad('no routes were found in C') if $n < 10;
    return;
}

# each address is told to people, too
sub addresses () {
    for my $path (sort keys $doc->{paths}->%*) {
        my $name = $path =~ s{^/api/admin/}{}r;
        bad("$path is not in $HTTP")
            if $text !~ /(?<![\w\/])\Q$name\E(?![\w\/])/ && $text !~ /\Q$path\E\b/;
    }
    return;
}
