#!/usr/bin/perl
# What the documents name is there: files of the repository, commands of
# build.sh, what links lead to, and words that begin with tavus_.  And what is
# there they name: commands, directives, each with a section of its own, lines
# of a vertical, variables, metrics with their labels, members of health, codes
# of problems, how each endpoint is guarded, what is logged at notice and
# above, word by word, and the tests of each promise.  What Prometheus and Grafana are to ask for is there,
# and each alerting rule has its heading in the runbook.
use v5.36;
use utf8;
use File::Basename qw(dirname);
use File::Find;

my $DIRECTIVES = 'docs/directives.md';
my $HTTP = 'docs/http-api.md';
my $MONITOR = 'docs/operate/monitor.md';
my $RUNBOOK = 'docs/operate/runbook.md';
my $RULES = 'docs/operate/monitor/tavus.rules.yml';
my $DASHBOARD = 'docs/operate/monitor/dashboard.json';
my $PROMISES = 'docs/promises.md';
my $README = 400;       # lines, for who does not know it yet

binmode STDOUT, ":encoding(UTF-8)";
my $bad = 0;

sub bad ($file, $line, $what) {
    say "$file:$line: $what";
    $bad = 1;
}

sub slurp ($file) {
    open my $in, '<:encoding(UTF-8)', $file or die "$file: $!\n";
    local $/;
    return scalar <$in>;
}

sub files ($pattern, @roots) {
    my @found;
    find({no_chdir => 1, wanted => sub {
        $File::Find::prune = 1 if m{/(?:node_modules|build|generated)\z};
        push @found, $_ if -f && /$pattern/;
    }}, @roots);
    return sort @found;
}

my @documents = (glob('*.md'), files(qr/\.md\z/, qw(docs t site .github)));
my %text = map { $_ => slurp($_) } @documents;
my %source = map { $_ => slurp($_) } files(qr/\.[ch]\z/, 'ngx_tavus_module');

names_files_and_commands();
shown_by_tests();
links_lead_somewhere();
directives();
verticals();
variables();
rules(metrics());
problems();
endpoints();
health();
messages();
promises();
words();

bad('README.md', $README + 1, "more than $README lines")
    if $text{'README.md'} =~ tr/\n// > $README;

exit $bad;


# calls what for each line of a document, with its number
sub each_line ($file, $what) {
    my $n = 0;
    $what->($_, ++$n) for split /\n/, $text{$file};
    return;
}

sub names_files_and_commands () {
    my ($cases) = slurp('build.sh') =~ /^case \$command in\n(.*?)^esac/ms;
    my %command = map { $_ => 1 } $cases =~ /^\s+(\w+)(?=[)|])/gm;

    for my $file (@documents) {
        each_line($file, sub ($line, $n) {
            for my $path ($line =~ m{(?<![\w./-])((?:t|sql|site|docs
                |ngx_tavus_module)/[\w./*-]*[\w*])}gx)
            {
                bad($file, $n, "no $path") unless grep { -e } glob $path;
            }
            for my $command ($line =~ m{\./build\.sh (\w+)}g) {
                bad($file, $n, "no ./build.sh $command")
                    unless $command{$command};
            }
        });
    }
    delete $command{help};
    bad('docs/develop.md', 1, "nothing about ./build.sh $_") for grep {
        $text{'docs/develop.md'} !~ m{^\| `\./build\.sh $_\b}m
    } sort keys %command;
    return;
}

# `FILE` (what its test says; another): the file has these words
sub shown_by_tests () {
    for my $file (@documents) {
        each_line($file, sub ($line, $n) {
            while ($line =~ /`([\w\/.-]+\.(?:spec\.ts|t))` \(([^)]*)\)/g) {
                my ($test, $words) = ($1, $2);
                next unless -e $test;
                my $its = slurp($test);
                bad($file, $n, "$test says nothing of \"$_\"") for grep {
                    $its !~ /\Q$_\E/i } split /; /, $words;
            }
        });
    }
    return;
}

# as GitHub makes them of headings
sub anchors ($text) {
    my (%anchor, $code);
    for (split /\n/, $text) {
        $code = !$code if /^\s*```/;
        next if $code || !/^#+ (.*)/;
        my $name = lc $1 =~ s/\[([^]]*)\]\([^)]*\)/$1/gr;
        $name =~ s/[^\w\- ]//g;
        $anchor{$name =~ tr/ /-/r} = 1;
    }
    return \%anchor;
}

sub links_lead_somewhere () {
    my %anchor = map { $_ => anchors($text{$_}) } @documents;

    for my $file (@documents) {
        each_line($file, sub ($line, $n) {
            for my $target ($line =~ /\]\(([^)\s]+)\)/g) {
                next if $target =~ /^\w+:/;
                my ($path, $name) = $target =~ /^([^#]*)#?(.*)/;
                $path = $path eq '' ? $file : clean(dirname($file)
                    . "/$path");
                bad($file, $n, "no $target") && next unless -e $path;
                bad($file, $n, "nothing is called $target")
                    if $name ne '' && !$anchor{$path}{$name};
            }
        });
    }
    return;
}

sub clean ($path) {
    1 while $path =~ s{(^|/)\./}{$1}
        || $path =~ s{(^|/)(?!\.\./)[^/]+/\.\./}{$1};
    return $path;
}

# { ngx_string("tavus_x"), NGX_HTTP_MAIN_CONF|…, in any table of commands
sub directives () {
    my @levels = ([MAIN => 'http'], [SRV => 'server'], [LOC => 'location']);
    my (%directive, %documented);

    for my $file (sort keys %source) {
        while ($source{$file} =~ /\{ \s* ngx_string\("(tavus_\w+)"\),
            \s* ((?:\s*\|?\s*NGX_\w+)+),/gx)
        {
            my ($name, $flags) = ($1, $2);
            $directive{$name} = join ', ', map { $_->[1] }
                grep { $flags =~ /NGX_HTTP_$_->[0]_CONF/ } @levels;
        }
    }
    die "no commands were found\n" unless %directive;

    my ($name, $n) = ('', 0);
    for my $section (split /^(?=\#\#\#? )/m, $text{$DIRECTIVES}) {
        my $line = $n + 1;
        $n += $section =~ tr/\n//;
        next unless ($name) = $section =~ /^### (tavus_\w+)\n/;

        bad($DIRECTIVES, $line, "no directive $name") && next
            unless exists $directive{$name};
        bad($DIRECTIVES, $line, "$name stands here twice")
            if $documented{$name}++;

        my ($syntax) = $section =~ /^\*\*syntax:\*\* `(.*)`<br>$/m;
        my ($default) = $section =~ /^\*\*default:\*\* (.*)<br>$/m;
        my ($context) = $section =~ /^\*\*context:\*\* (.*)$/m;

        bad($DIRECTIVES, $line, "$name: no syntax that begins with it")
            unless defined $syntax && $syntax =~ /^\Q$name\E[ ;]/;
        bad($DIRECTIVES, $line, "$name: no default")
            unless defined $default && $default =~ /^(?:—|`\Q$name\E )/;
        bad($DIRECTIVES, $line, "$name: its context is $directive{$name}")
            unless defined $context && $context eq $directive{$name};
        bad($DIRECTIVES, 1, "the list at the top has no $name")
            unless $text{$DIRECTIVES} =~ /^\|.*\[$name\]\(#$name\)/m;
    }
    bad($DIRECTIVES, 1, "nothing about $_")
        for grep { !$documented{$_} } sort keys %directive;
    return;
}

# What is promised begins a row of the table with the tests that attack it.
sub promises () {
    my %row = map { $_ => 1 } $text{$PROMISES} =~ /^\| ([^|]+) \| .*`/gm;
    my @promised = $text{$PROMISES} =~ /^- \*\*(.*?)\.?\*\*/gm
        or die "$PROMISES: no promise was found\n";

    bad($PROMISES, 1, "no test of \"$_\"") for grep { !$row{$_} } @promised;
    return;
}

# roles, zones, metrics, members: what they are called is not made up
sub words () {
    my $all = join "\n", values %source,
        map { slurp($_) } glob('sql/*.sql'),
        files(qr/\.(?:conf|tsx?|astro|js|p[lm])\z/,
            qw(site/nginx site/src t/lib t/sandbox));
    my %known = map { $_ => 1 } $all =~ /\b(tavus_\w+)/g;
    # a metric is built of a prefix and its name
    $known{"tavus_$_"} = 1 for $all =~ /"([a-z_]+)"/g;

    for my $file (@documents) {
        each_line($file, sub ($line, $n) {
            for my $word ($line =~ /(?<![\w.\/])\$?(tavus_\w+)(?![\w.*])/g) {
                my $stem = $word =~ s/_(?:bucket|count|sum)\z//r;
                bad($file, $n, "nothing is called $word")
                    unless $known{$word} || $known{$stem};
            }
        });
    }
    return;
}

# A part of a document, from a heading to the next one of its kind or above.
sub part ($file, $heading) {
    my ($level) = $heading =~ /^(#+)/;
    my ($part) = $text{$file} =~ /^\Q$heading\E\n(.*?)(?=^\#{1,${\length
        $level}} |\z)/ms or die "$file has no $heading\n";
    return $part;
}

# What stands in both lists, and what only in one.
sub same ($file, $what, $there, $named) {
    die "$file: no $what was found\n" unless %$there && %$named;
    bad($file, 1, "no $what $_") for grep { !$there->{$_} } sort keys %$named;
    bad($file, 1, "nothing about the $what $_")
        for grep { !$named->{$_} } sort keys %$there;
    return;
}

# Those that stand in a table of the sources; others are words that they know.
sub verticals () {
    my $part = part($DIRECTIVES, '## The tavus_vertical block');
    my $all = join "\n", values %source;
    my %named = map { $_ => 1 } $part =~ /^\| `(\w+)` \|/gm;
    my %there = map { $_ => 1 }
        $all =~ /\{ "(\w+)",[\d\s,]+offsetof\(ngx_tavus_vertical_t,/g;
    die "no lines of a vertical were found\n" unless %there;
    $there{$_} = 1 for grep { $all =~ /"$_"/ } keys %named;
    same($DIRECTIVES, 'line', \%there, \%named);
    return;
}

sub variables () {
    my $part = part($DIRECTIVES, '## Variables');
    my %there = map { $_ => 1 } map {
        /\{ ngx_string\("(tavus_\w+)"\), NULL,/g } values %source;
    same($DIRECTIVES, 'variable', \%there,
        {map { $_ => 1 } $part =~ /^\| `\$(\w+)`/gm});
    return;
}

# A name with its labels, as {a,b}; the answer is these of each, as far as they
# are in the table.
sub metrics () {
    my $part = part($MONITOR, '## Metrics');
    my $all = join "\n", map { $source{$_} } sort keys %source;
    my (%label, %there, %named);

    $label{$1} = $2 while $all =~ /tavus_label_t\s+(\w+) = \{\s+"(\w+)"/g;
    while ($all =~ /^[ ]{4}\{[ ]"(\w+)",\s+"[^;]*?
        TAVUS_(?:COUNTER|GAUGE|HISTOGRAM)[^;]*?\{\s([^}]*)\}/gmx)
    {
        my ($name, $labels) = ($1, $2);
        $there{$name} = join ',', map { $label{$_} // "?" }
            $labels =~ /&(\w+)/g;
    }
    # what is not in the table is written as text
    $there{$1} //= '*' while $all =~ /metrics_family\(text, "(\w+)"/g;

    $named{$1} = $2 // ''
        while $part =~ /^\| `tavus_(\w+)(?:\{([\w,]+)\})?` \|/gm;
    same($MONITOR, 'metric', {map { $_ => 1 } keys %there},
        {map { $_ => 1 } keys %named});
    for my $name (grep { exists $named{$_} } sort keys %there) {
        bad($MONITOR, 1, "tavus_$name has the labels {$there{$name}}")
            if $there{$name} ne '*' && $there{$name} ne $named{$name};
    }
    return \%named;
}

sub rules ($metric) {
    my (%there, %named);

    # each selector, by the names of its metric and labels; what all have
    # comes from Prometheus
    for my $file ($RULES, $DASHBOARD) {
        my $n = 0;
        for my $line (split /\n/, slurp($file)) {
            $n++;
            while ($line =~ /\btavus_(\w+)(?:\{([^}]*)\})?/g) {
                my ($name, $labels) = ($1, $2 // '');
                my $stem = $name =~ s/_(?:bucket|count|sum)\z//r;
                my $has = $metric->{$name} // $metric->{$stem};
                bad($file, $n, "no metric tavus_$name") && next
                    unless defined $has;
                my %has = map { $_ => 1 } split(/,/, $has), qw(instance job le);
                bad($file, $n, "tavus_$name has no label $_") for
                    grep { !$has{$_} } $labels =~ /(\w+)(?=!?[=~]+\\?")/g;
            }
        }
    }

    my $rules = slurp($RULES);
    while ($rules =~ /^\s+- alert: (\w+)\n(.*?)(?=^\s+- alert: |\z)/msg) {
        my ($name, $rest) = ($1, $2);
        my ($runbook) = $rest =~ /^\s+runbook: '([^']*)'$/m;
        my ($severity) = $rest =~ /severity: (\w+)/;

        $there{$name} = 1;
        bad($RULES, 1, "$name: its runbook is not runbook.md#" . lc $name)
            if ($runbook // '') ne 'runbook.md#' . lc $name;
        bad($RULES, 1, "$name: is it page or ticket?")
            if ($severity // '') !~ /^(?:page|ticket)\z/;
    }

    $named{$_} = 1 for part($RUNBOOK, '## Rules') =~ /^### (\w+)$/mg;
    same($RUNBOOK, 'rule', \%there, \%named);
    return;
}

# A code is a word with an underscore in it, where a problem is made.
sub problems () {
    my $all = join "\n", values %source;
    my (%there, %named);

    for my $call ($all =~ /\w*(?:reject|problem)\w*\(([^;{]*)\);/g) {
        $there{$_} = 1 for $call =~ /"([a-z]+(?:_[a-z]+)+)"/g;
    }
    $there{$_} = 1
        for $all =~ /(?:NGX_HTTP_\w+,|\bcode =)\s*"([a-z]+(?:_[a-z]+)+)"/g;

    $named{$_} = 1 for map { /`([a-z_]+)`/g }
        $text{$HTTP} =~ /^\| [45]\d\d \| ([^|]*) \|/gm;
    # some are chosen elsewhere
    $there{$_} = 1 for grep { $all =~ /"$_"/ } keys %named;
    same($HTTP, 'code', \%there, \%named);
    return;
}

# The rows of the table in the module's own file: { name, handler, methods,
# flags, check }.
sub endpoints () {
    my (%guards, %needs);
    my ($table) = $source{'ngx_tavus_module/ngx_tavus_module.c'}
        =~ /\bngx_tavus_endpoints\[\] = \{\n(.*?)^\};/ms
        or die "there is no table of endpoints\n";

    while ($table =~ /\{\s*ngx_string\("(\w+)"\),\s*\w+,\s*[^,]+,
        \s*([^,]+),/gx)
    {
        my ($name, $flags) = ($1, $2);
        my %flag = map { $_ => 1 } $flags =~ /NGX_TAVUS_(\w+)/g;
        $guards{$name} = [
            $flag{UNGUARDED} ? 'never' : $flag{ASKS_ORIGIN} ? 'always'
                : 'in force',
            $flag{ASKS_LOGIN} ? 'in force' : $flag{ASKS_LOGIN_FULL}
                ? 'in force, for `?full`' : 'never',
            $flag{SUBREQUESTS} ? 'answered' : '403',
        ];
        for (grep { $flag{"NEEDS_$_"} } qw(DATABASE API)) {
            $needs{$_}{$name} = 1;
        }
    }

    my $part = part($HTTP, '## Guards and their order');
    my %named = map { /^\| `(tavus_\w+)` \| (.*) \|$/
        ? ($1 => [split / \| /, $2]) : () } split /\n/, $part;

    same($HTTP, 'endpoint', \%guards, \%named);
    for my $name (grep { $named{$_} } sort keys %guards) {
        for (0 .. 2) {
            my ($is, $said) = ($guards{$name}[$_], $named{$name}[$_] // '');
            bad($HTTP, 1, "$name: \"$said\" is \"$is\"")
                unless $said =~ /^\Q$is\E(?:;.*)?$/;
        }
    }

    for ([DATABASE => 'tavus_database'], [API => 'tavus_api_key']) {
        my ($flag, $name) = @$_;
        my ($said) = part($DIRECTIVES, "### $name") =~ /\bNeeded\b(.*?)\./s
            or die "$DIRECTIVES: nothing needs $name\n";
        same($DIRECTIVES, "endpoint that needs $name,", $needs{$flag},
            {map { $_ => 1 } $said =~ /`(tavus_\w+)`/g});
    }
    return;
}

# What the module adds itself; what the database says of itself is SQL's.
sub health () {
    my ($json, $table) = part($MONITOR, '## Health')
        =~ /```json\n(.*?)```(.*)/s or die "$MONITOR: no JSON of health\n";
    my $c = $source{'ngx_tavus_module/endpoint/ngx_tavus_health.c'};
    my ($sql) = slurp('sql/admin.sql')
        =~ /(CREATE[^;]*?FUNCTION tavus\.health\(.*?\n\$\$;)/s
        or die "sql/admin.sql: no health()\n";
    $sql .= $1 if slurp('sql/log.sql')
        =~ /(CREATE[^;]*?FUNCTION tavus\.log_state\(.*?\n\$\$;)/s;
    $sql .= $1 if slurp('sql/deliver.sql')
        =~ /(CREATE[^;]*?FUNCTION tavus\.destinations_health\(.*?\n\$\$;)/s;
    my $said = "$json $table";

    bad($MONITOR, 1, "health has a member $_, too") for grep {
        $said !~ /["`.]$_["`]/ } $c =~ /cJSON_Add\w+\([^;]*?"(\w+)"/g;
    bad($MONITOR, 1, "health has no member $_") for grep {
        "$c $sql" !~ /["']$_["']/ } $json =~ /"(\w+)":/g;
    return;
}

# The rows of the runbook are what the sources log, with … for each value.
# A level that is a variable of theirs may be any.
sub messages () {
    my (%there, %named);

    for my $file (sort keys %source) {
        my $calls = () = $source{$file} =~ /\bngx_log_error\(/g;

        while ($source{$file} =~ /\bngx_(conf_)?log_error\(\s*(\w+),\s*
            [^;]*?,\s*[^;]*?,\s*((?:"(?:[^"\\]|\\.)*"|\s|\w+\s+(?="))+)/gx)
        {
            my ($conf, $level, $format) = ($1, lc $2, $3);
            $calls-- unless $conf;
            $level =~ s/^ngx_log_//;
            next if $level =~ /^(?:emerg|debug)/ || $conf && $level ne 'warn';
            $level = {err => 'error'}->{$level} // $level;
            $format =~ s/^\s*(\w+)\s+(?=")/"…"/;
            my $message = join '', $format =~ /"((?:[^"\\]|\\.)*)"/g;
            $message =~ s/\\(.)/$1/g;
            $message =~ s/%[0-9.*]*[uxX]*[a-zA-Z]/…/g;
            # what another has to say is read where it is said, below
            $there{$level}{$message} = $file if $message ne '…';
        }
        bad($file, 1, "$calls calls of ngx_log_error() could not be read")
            if $calls;
    }

    for my $file (files(qr/\.sql\z/, 'sql')) {
        $there{warn}{$_ =~ s/%[sLI]/…/gr} = $file for slurp($file)
            =~ /ERRCODE = 'TV\d+', MESSAGE = format\(\s*'((?:[^']|'')*)'/g;
    }

    for my $row (split /\n/, part($RUNBOOK, '## Messages')) {
        my ($level, $message) = $row =~ /^\| (\w+) \| `([^`]*)` \| / or next;
        $named{$level}{$message} = 1;
        bad($RUNBOOK, 1, "nobody logs at $level: $message") unless
            grep { $there{$_}{$message} } $level, 'level';
    }

    for my $level (sort keys %there) {
        next if $level eq 'info';
        for my $message (sort keys $there{$level}->%*) {
            bad($there{$level}{$message}, 1, "not in $RUNBOOK: at $level, "
                . $message) unless grep { $named{$_}{$message} }
                $level eq 'level' ? keys %named : $level;
        }
    }
    return;
}
