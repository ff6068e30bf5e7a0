package TavusCheck::Conf;

# nginx's configuration, as far as a check wants to know it.
#
#   my $conf = TavusCheck::Conf->new(file => …, prefix => …, dump => {path => text});
#   $conf->http('tavus_api_url')            arguments of the first one, or undef
#   $conf->http_all('tavus_vertical')       directives: {name, args, block, up}
#   $conf->locations('tavus_webhook')       those that have it
#   $conf->inherited($location, 'tavus_webhook_secret')
#   $conf->secret('file:…')                 (value, undef) or (undef, why)

use v5.36;
use utf8;

use File::Basename qw(dirname);
use File::Glob qw(bsd_glob);

sub new ($class, %opt) {
    my $self = bless {files => 0, %opt}, $class;
    $self->{dir} = dirname($self->{file});
    $self->{root} = {name => '', args => [], block => []};
    $self->read_file($self->{file}, $self->{root});
    my ($http) = grep { $_->{name} eq 'http' } $self->{root}{block}->@*;
    $self->{http} = $http;
    return $self;
}

sub read_file ($self, $path, $into) {
    die "more than 1000 files are included\n" if $self->{files}++ > 1000;
    my $text = $self->{dump}{$path};
    if (!defined $text) {
        open my $in, '<:encoding(UTF-8)', $path or die "$path: $!\n";
        local $/;
        $text = <$in>;
    }
    my @words = words($text);
    $self->block(\@words, $into);
    die "$path: a } too many\n" if @words;
    return;
}

# Words in quotes are [text], so that a quoted "{" is none.
sub words ($text) {
    my @words;
    pos($text) = 0;

    while (pos $text < length $text) {
        if ($text =~ /\G\s+/gc || $text =~ /\G#[^\n]*/gc) { next }
        if ($text =~ /\G([;{}])/gc) { push @words, $1; next }
        if ($text =~ /\G(["'])((?:\\.|(?!\1)[^\\])*)\1/gcs) {
            push @words, [plain($2)];
            next;
        }
        if ($text =~ /\G((?:\\.|\$\{|[^\s;{\\])+)/gcs) {
            my $word = $1;
            push @words, [plain($word)];
            # code of another language
            if ($word =~ /_by_lua_block\z/ && $text =~ /\G\s*(\{(?:[^{}]++|(?1))*\})/gc) {
                push @words, ';';
            }
            next;
        }
        $text =~ /\G./gcs;
    }
    return @words;
}

sub plain ($text) {
    my %is = (t => "\t", r => "\r", n => "\n");
    return $text =~ s/\\(["'\\ trn])/$is{$1} \/\/ $1/ger;
}

sub block ($self, $words, $into) {
    my @line;

    while (@$words) {
        my $word = shift @$words;
        if (ref $word) { push @line, $word->[0]; next }
        if ($word eq '}') {
            unshift @$words, '}' if $into == $self->{root};
            return;
        }
        next unless @line;

        my ($name, @args) = splice @line;
        my $is = {name => $name, args => \@args, up => $into};
        if ($word eq '{') {
            $is->{block} = [];
            push $into->{block}->@*, $is;
            $self->block($words, $is);
            next;
        }
        if ($name eq 'include' && @args) {
            $self->include($args[0], $into);
            next;
        }
        push $into->{block}->@*, $is;
    }
    return;
}

sub include ($self, $pattern, $into) {
    $pattern = "$self->{dir}/$pattern" unless $pattern =~ m{^/};
    my @files = $pattern =~ /[*?\[]/ ? bsd_glob($pattern) : $pattern;
    $self->read_file($_, $into) for @files;
    return;
}

# ---- what stands there -----------------------------------------------------

sub children ($self, $of, $name) {
    return grep { $_->{name} eq $name } (($of // {})->{block} // [])->@*;
}

sub main ($self, $name) {
    my ($is) = $self->children($self->{root}, $name);
    return $is ? $is->{args} : undef;
}

sub http_all ($self, $name) { return $self->children($self->{http}, $name) }

sub http ($self, $name) {
    my ($is) = $self->http_all($name);
    return $is ? $is->{args} : undef;
}

sub value ($self, $name, $default = undef) {
    return ($self->http($name) // [$default])->[0];
}

# A member of a block of ours, such as the persona_id of a vertical.
sub member ($self, $block, @names) {
    for my $name (@names) {
        my ($is) = $self->children($block, $name);
        return $is->{args}[0] if $is;
    }
    return undef;
}

sub walk ($self, $of, $what) {
    for my $is (($of->{block} // [])->@*) {
        $what->($is);
        $self->walk($is, $what) if $is->{block};
    }
    return;
}

# Locations with a directive, and its first argument where that is given.
sub locations ($self, $name, $arg = undef) {
    my @found;
    return unless $self->{http};
    $self->walk($self->{http}, sub ($is) {
        push @found, $is->{up} if $is->{name} eq $name
            && $is->{up}{name} eq 'location'
            && (!defined $arg || ($is->{args}[0] // '') eq $arg);
    });
    return @found;
}

sub path_of ($self, $location) {
    return undef unless $location;
    return ($location->{args}[-1] // '') =~ m{^(/.*)} ? $1 : undef;
}

sub server_of ($self, $is) {
    $is = $is->{up} while $is && $is->{name} ne 'server';
    return $is;
}

# Of the nearest level that has any.
sub inherited ($self, $location, $name) {
    for (my $at = $location; $at; $at = $at->{up}) {
        my @is = $self->children($at, $name);
        return @is if @is;
    }
    return;
}

sub full ($self, $path, $from = 'prefix') {
    return $path =~ m{^/} ? $path
        : ($from eq 'conf' ? "$self->{dir}/" : "$self->{prefix}/") . $path;
}

sub size ($text) {
    my ($n, $unit) = ($text // '') =~ /^(\d+)([kmg]?)\z/i or return undef;
    return $n * {'' => 1, k => 1024, m => 1024 ** 2, g => 1024 ** 3}->{lc $unit};
}

# ---- secrets ---------------------------------------------------------------

# (value, undef), or (undef, why it cannot be read from here)
sub secret ($self, $what) {
    my ($kind, $name) = ($what // '') =~ /^(env|file|credential):(.+)\z/
        or return (undef, 'is none of env:, file: and credential:');

    if ($kind eq 'env') {
        return (undef, "variable $name is not set here") unless defined $ENV{$name};
        return (cut($ENV{$name}), undef);
    }
    if ($kind eq 'credential') {
        my $dir = $ENV{CREDENTIALS_DIRECTORY} // '';
        return (undef, "credential $name: CREDENTIALS_DIRECTORY is not set here")
            unless length $dir;
        $name = "$dir/$name";
    }
    $name = $self->full($name, 'conf');
    open my $in, '<', $name or return (undef, "$name: $!");
    my $n = read $in, my $bytes, 4097;
    return (undef, "$name: $!") unless defined $n;
    return (cut($bytes), undef);
}

sub cut ($bytes) { return $bytes =~ s/[\r\n]+\z//r }

# How who is told that gets at it.
sub how ($self, $why) {
    return 'run this with the variables that the service has, as with (set -a;'
        . ' . /etc/tavus/environment; tavus-check)' if $why =~ /^variable/;
    return 'run this as CREDENTIALS_DIRECTORY=/run/credentials/nginx.service '
        . 'tavus-check, as root, while the service runs' if $why =~ /^credential/;
    return 'run this as root' if $> != 0;
    return 'put the secret there, 0600';
}

1;
