package Tavus::Test::Observatory;

# What the MDN HTTP Observatory would say of a site, by its public rules
# (github.com/mdn/mdn-http-observatory, algorithm 4 to 5), of answers that the
# caller has: the Observatory itself looks at what is in the public.  Whether a
# site is on the browsers' list of HTTPS alone is not asked.
#
#   my $says = judge(
#       https => {'content-security-policy' => '…', …},  the head of GET / over
#                               TLS, names in lower case, cookies as a list
#       http  => {status => 301, location => '…'},       of GET / without
#       cors  => {…},           of OPTIONS / with the Origin of a stranger
#       origin => 'https://stranger.example',
#       html  => '…',           what GET / answers
#       host  => 'example.com');
#   $says->{grade}              A+ to F
#   $says->{score}
#   $says->{points}             {csp => 10, …}
#   $says->{found}              {csp => 'no unsafe, nothing by default', …}

use v5.36;
use Exporter qw(import);

our @EXPORT = qw(judge);

# What each test may find, and what that is worth.
my %POINTS = (
    csp => {
        'no unsafe, nothing by default' => 10, 'no unsafe' => 5,
        'unsafe styles' => 0, 'pictures over HTTP' => -10, 'unsafe eval' => -10,
        'unsafe scripts' => -20, 'content over HTTP' => -20,
        'cannot be read' => -25, 'none' => -25,
    },
    cookies => {
        'Secure, HttpOnly, SameSite' => 5, 'Secure, HttpOnly' => 0, 'none' => 0,
        'not Secure, but HSTS' => -5, 'a session not Secure, but HSTS' => -10,
        'not Secure' => -20, 'SameSite is wrong' => -20,
        'a token against CSRF without SameSite' => -20,
        'a session without HttpOnly' => -30, 'a session not Secure' => -40,
    },
    cors => {'none' => 0, 'public' => 0, 'restricted' => 0, 'any, with credentials' => -50},
    redirection => {
        'to HTTPS' => 0, 'no HTTP' => 0, 'to another host' => -5,
        'not to HTTPS' => -20, 'none' => -20,
    },
    referrer => {'private' => 5, 'none' => 0, 'unsafe' => -5, 'cannot be read' => -5},
    hsts => {'six months' => 0, 'less' => -10, 'none' => -20, 'cannot be read' => -20},
    sri => {
        'integrity, all from here' => 5, 'integrity' => 5, 'no scripts' => 0,
        'all from here' => 0, 'foreign, over HTTPS' => -5,
        'integrity, but over HTTP' => -20, 'foreign, over HTTP' => -50,
    },
    nosniff => {'nosniff' => 0, 'none' => -5, 'cannot be read' => -5},
    framing => {
        'by frame-ancestors' => 5, 'by X-Frame-Options' => 0, 'none' => -20,
        'cannot be read' => -20,
    },
    corp => {
        'same-origin' => 10, 'same-site' => 10, 'cross-origin' => 0, 'none' => 0,
        'cannot be read' => -5,
    },
);

# Bonuses count for who has an A without them.
my $EXTRA = 90;
my @GRADES = ([100, 'A+'], [90, 'A'], [85, 'A-'], [80, 'B+'], [70, 'B'], [65, 'B-'],
    [60, 'C+'], [50, 'C'], [45, 'C-'], [40, 'D+'], [30, 'D'], [25, 'D-'], [0, 'F']);

my %TEST = (csp => \&csp, cookies => \&cookies, cors => \&cors,
    redirection => \&redirection, referrer => \&referrer, hsts => \&hsts,
    sri => \&sri, nosniff => \&nosniff, framing => \&framing, corp => \&corp);

my $BROAD = qr{\A(?:(?:ftp|https?):(?://\*(?:\.\*)?)?|\*)\z};
my $INLINE = qr{\A(?:'unsafe-inline'|data:)\z};

sub judge (%seen) {
    my %found = map { $_ => $TEST{$_}->(\%seen) } keys %TEST;
    my %points = map { $_ => $POINTS{$_}{$found{$_}}
        // die "$_: nothing is known of \"$found{$_}\"\n" } keys %found;
    my ($all, $without) = (100, 100);

    for my $n (values %points) {
        $all += $n;
        $without += $n if $n < 0;
    }
    my $score = $without >= $EXTRA ? $all : $without;
    $score = 0 if $score < 0;
    my ($grade) = map { $_->[1] } grep { $score >= $_->[0] } @GRADES;
    return {grade => $grade, score => $score, points => \%points, found => \%found};
}

# {directive => [sources]}, or undef; a directive that stands there twice is none
sub policy ($seen) {
    my $text = $seen->{https}{'content-security-policy'} // return;
    my %policy;
    for (grep { /\S/ } split /;/, lc $text) {
        my ($name, @sources) = split;
        return {} if $policy{$name};
        $policy{$name} = @sources ? \@sources : ["'none'"];
    }
    return \%policy;
}

sub csp ($seen) {
    my $policy = policy($seen) // return 'none';
    return 'cannot be read' unless %$policy;

    my $of = sub ($name) { $policy->{$name} // $policy->{'default-src'} // ['*'] };
    my ($script, $object, $style) = map { $of->("$_-src") } qw(script object style);
    my $insecure = sub (@names) {
        scalar grep { /\A(?:http|ftp):/ } map { $of->($_)->@* } @names;
    };

    # a hash or nonce turns it off
    $_ = [grep { $_ ne q('unsafe-inline') } @$_]
        for grep { grep { /\A'(?:sha(?:256|384|512)|nonce)-/ } @$_ } $script, $style;

    return 'unsafe scripts' if grep({ /$BROAD|$INLINE/ } @$script)
        || grep { /$BROAD/ } @$object;
    return 'content over HTTP'
        if $insecure->(grep { !/\A(?:img|media)-src\z/ } keys %$policy);
    return 'unsafe eval' if grep { $_ eq q('unsafe-eval') } @$script, @$style;
    return 'pictures over HTTP' if $insecure->(qw(img-src media-src));
    return 'unsafe styles' if grep { /$BROAD|$INLINE/ } @$style;
    return 'no unsafe, nothing by default'
        if join(' ', ($policy->{'default-src'} // [])->@*) eq q('none')
            && join(' ', ($policy->{'form-action'} // [])->@*)
                =~ /\A'(?:none|self)'\z/;
    return 'no unsafe';
}

sub cookies ($seen) {
    my $hsts = hsts($seen) eq 'six months';
    my ($worst, $lax) = ('none', 1);
    my $worse = sub ($found) {
        $worst = $found if $worst eq 'none'
            || $POINTS{cookies}{$found} < $POINTS{cookies}{$worst};
    };

    for my $cookie (($seen->{https}{'set-cookie'} // [])->@*) {
        my ($name) = $cookie =~ /\A\s*([^=;\s]*)/;
        my ($same) = $cookie =~ /;\s*samesite\s*=?\s*([^;\s]*)/i;
        my $session = $name =~ /login|sess/i;
        my $secure = $cookie =~ /;\s*secure\b/i;

        $lax = 0 unless defined $same;
        $worse->('SameSite is wrong') if defined $same
            && ($same !~ /\A(?:lax|strict|none)\z/i || lc $same eq 'none' && !$secure);
        $worse->(($session ? 'a session not Secure' : 'not Secure')
            . ($hsts ? ', but HSTS' : '')) unless $secure;
        $worse->('a token against CSRF without SameSite')
            if $name =~ /csrf/i && !defined $same;
        $worse->('a session without HttpOnly')
            if $session && $cookie !~ /;\s*httponly\b/i;
    }
    return $worst if $worst ne 'none' || !($seen->{https}{'set-cookie'} // [])->@*;
    return $lax ? 'Secure, HttpOnly, SameSite' : 'Secure, HttpOnly';
}

sub cors ($seen) {
    my $allowed = $seen->{cors}{'access-control-allow-origin'} // return 'none';
    return 'public' if $allowed eq '*';
    return 'any, with credentials' if $allowed eq $seen->{origin}
        && lc($seen->{cors}{'access-control-allow-credentials'} // '') eq 'true';
    return 'restricted';
}

sub redirection ($seen) {
    my $http = $seen->{http} // return 'no HTTP';
    return 'none' unless $http->{status} =~ /\A30[12378]\z/;
    my ($scheme, $host) = ($http->{location} // '') =~ m{\A(https?)://([^/:]+)};
    return 'not to HTTPS' if ($scheme // '') ne 'https';
    return $host eq $seen->{host} ? 'to HTTPS' : 'to another host';
}

sub referrer ($seen) {
    my $text = $seen->{https}{'referrer-policy'} // return 'none';
    # the last one that is known counts
    my ($policy) = reverse grep {
        /\A(?:(?:strict-)?origin(?:-when-cross-origin)?|same-origin|unsafe-url
            |no-referrer(?:-when-downgrade)?)\z/x
    } split /[,\s]+/, lc $text;
    return 'cannot be read' unless defined $policy;
    return $policy =~ /\A(?:strict-|same-origin\z|no-referrer\z)/ ? 'private' : 'unsafe';
}

sub hsts ($seen) {
    my $text = $seen->{https}{'strict-transport-security'} // return 'none';
    my ($age) = $text =~ /\A(?:[^,]*;)?\s*max-age=(\d+)[^,]*\z/i
        or return 'cannot be read';
    return $age >= 15_552_000 ? 'six months' : 'less';
}

sub sri ($seen) {
    my @scripts = $seen->{html} =~ /<script\b([^>]*)>/gi or return 'no scripts';
    my ($worst, $foreign, $own);

    for (@scripts) {
        my ($src) = /\bsrc\s*=\s*["']?([^"'\s>]+)/i or next;
        my $integrity = /\bintegrity\s*=/i;
        my ($scheme, $host) = $src =~ m{\A(?:(https?):)?//([^/:]+)};

        if (!defined $host || defined $scheme && $host =~ /(?:\A|\.)\Q$seen->{host}\E\z/) {
            $own ||= $integrity;
            next;
        }
        $foreign = 1;
        next if $integrity && ($scheme // '') eq 'https';
        my $found = $integrity ? 'integrity, but over HTTP'
            : ($scheme // '') eq 'https' ? 'foreign, over HTTPS' : 'foreign, over HTTP';
        $worst = $found
            if !defined $worst || $POINTS{sri}{$found} < $POINTS{sri}{$worst};
    }
    return $worst // ($foreign ? 'integrity'
        : $own ? 'integrity, all from here' : 'all from here');
}

sub nosniff ($seen) {
    my $text = $seen->{https}{'x-content-type-options'} // return 'none';
    return $text =~ /\A\s*nosniff\s*\z/i ? 'nosniff' : 'cannot be read';
}

sub framing ($seen) {
    return 'by frame-ancestors' if (policy($seen) // {})->{'frame-ancestors'};
    my $text = $seen->{https}{'x-frame-options'} // return 'none';
    return $text =~ /\A\s*(?:deny|sameorigin|allow-from.*)\s*\z/i
        ? 'by X-Frame-Options' : 'cannot be read';
}

sub corp ($seen) {
    my $text = $seen->{https}{'cross-origin-resource-policy'} // return 'none';
    return $text =~ /\A(?:same-origin|same-site|cross-origin)\z/ ? $text : 'cannot be read';
}

1;
