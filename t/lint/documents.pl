#!/usr/bin/perl
# What the documents name is there: files of the repository, commands of
# build.sh, what links lead to, and words that begin with tavus_.  And what is
# there they name: directives, each with a section of its own.
use v5.36;
use utf8;
use File::Basename qw(dirname);
use File::Find;

my $DIRECTIVES = 'docs/directives.md';
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
        $File::Find::prune = 1 if m{/(?:node_modules|build)\z};
        push @found, $_ if -f && /$pattern/;
    }}, @roots);
    return sort @found;
}

my @documents = (glob('*.md'), files(qr/\.md\z/, qw(docs t site)));
my %text = map { $_ => slurp($_) } @documents;
my %source = map { $_ => slurp($_) } files(qr/\.[ch]\z/, 'ngx_tavus_module');

names_files_and_commands();
links_lead_somewhere();
directives();
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
    1 while $path =~ s{(^|/)\./}{$1} || $path =~ s{(^|/)(?!\.\./)[^/]+/\.\./}{$1};
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

# roles, zones, metrics, members: what they are called is not made up
sub words () {
    my $all = join "\n", values %source,
        map { slurp($_) } glob('sql/*.sql'),
        files(qr/./, qw(site/nginx site/src t/lib t/sandbox));
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
