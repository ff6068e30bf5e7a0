package TavusCheck::Launch;

# A site from outside, before its visitors come: nothing is made or stored, and
# no more is asked than a visitor might.  The paths are those of site/nginx.

use v5.36;
use utf8;

use TavusCheck::Run qw(http json);
use TavusCheck::Server;

# at most so many requests to find the end of a bucket, which is this address's
use constant BUCKET => 60;

my %PATH = (create => '/api/tavus/create-conversation',
    end => '/api/tavus/end-conversation', admin => '/api/admin/events',
    panel => '/admin', metrics => '/metrics', health => '/healthz',
    hook => '/api/tavus/webhook');

sub new ($class, %opt) { return bless {%opt}, $class }

sub look ($self) {
    my ($report, $opt) = $self->@{qw(report opt)};
    my $origin = $opt->{launch} =~ s{/+\z}{}r;
    my ($scheme, $host, $port) = $origin
        =~ m{^(https?)://([A-Za-z0-9.-]+|\[[0-9a-fA-F:.]+\])(?::(\d+))?\z}
        or die "--launch takes an origin, as https://example.com\n";
    $self->@{qw(origin scheme host)} = ($origin, $scheme, $host);
    $self->{port} = $port // ($scheme eq 'https' ? 443 : 80);

    $report->group('TLS');
    $self->tls;
    my $res = $self->ask(GET => '/');
    if ($res->{error}) {
        $report->group('pages');
        $report->fail('/', $res->{error}, 'nothing else can be looked at: see DNS, '
            . 'firewall, and whether nginx listens there');
        return;
    }
    $self->pages($res);
    $self->api;
    $self->limits;
    return;
}

sub ask ($self, $method, $path, %opt) {
    return http($method, $self->{origin} . $path, timeout => $self->{opt}{timeout},
        defined $self->{opt}{cacert} ? (cacert => $self->{opt}{cacert}) : (),
        defined $self->{opt}{at} ? (connect_to => $self->{opt}{at}) : (), %opt);
}

# No answer, or none that tells: said once, and true.
sub unclear ($self, $name, $what, $res) {
    return 0 unless $res->{error} || $res->{status} =~ /^(?:429|50[234])\z/;
    $self->{report}->warn($name, "$what: " . ($res->{error} // "answers $res->{status}")
        . ', so that it cannot be told', $res->{status} == 429
            ? 'this address has asked too much: try again in a minute'
            : 'see the error log, and try again');
    return 1;
}

sub header ($res, $name) { return join ', ', ($res->{header}{$name} // [])->@* }

# ---- TLS -------------------------------------------------------------------

sub tls ($self) {
    my ($report, $opt) = $self->@{qw(report opt)};
    return $report->fail('https', "$self->{origin} is http", 'see site/nginx/examples/'
        . 'tls.conf: browsers give no camera to a page without TLS')
        if $self->{scheme} ne 'https';

    TavusCheck::Server::certificate($report, $self->{host}, $self->{port}, %$opt)
        or return;
    my $old = $self->ask(HEAD => '/', more => ['tls-max', '1.1', 'tlsv1.0', undef,
        'ciphers', 'ALL:@SECLEVEL=0']);
    !$old->{error} ? $report->fail('old TLS', 'TLS 1.1 is spoken', 'ssl_protocols '
        . 'TLSv1.2 TLSv1.3')
        : $old->{error} =~ /alert/i ? $report->ok('old TLS', 'TLS 1.1 and older are refused')
        : $report->skip('old TLS', "whether it is refused cannot be told: $old->{error}");

    return $report->skip('http', 'port 80 is not that of --at') if defined $opt->{at};
    return $report->skip('http', "of port $self->{port} there is no http")
        if $self->{port} != 443;
    my $plain = http(GET => "http://$self->{host}/", timeout => $opt->{timeout});
    return $report->warn('http', $plain->{error}, 'a server at port 80 that sends '
        . 'everybody to https: see site/nginx/examples/tls.conf') if $plain->{error};
    my $to = header($plain, 'location');
    return $report->ok('http', "$plain->{status} to $to")
        if $plain->{status} =~ /^30[18]\z/ && $to =~ m{^https://};
    return $report->fail('http', "port 80 answers $plain->{status}"
        . (length $to ? " to $to" : ''), 'return 301 https://…$request_uri there');
}

# ---- pages -----------------------------------------------------------------

sub pages ($self, $home) {
    my $report = $self->{report};
    $report->group('pages');
    $home->{status} == 200 ? $report->ok('/', "answers 200 over HTTP/$home->{version}")
        : $report->fail('/', "answers $home->{status}", 'see root, and whether the '
            . 'site was built and copied there');

    my %page = ('/' => $home, '/pricing' => undef, '/no-such-page' => undef);
    $page{$_} //= $self->ask(GET => $_) for keys %page;
    $self->unclear('headers', $_, $page{$_}) && delete $page{$_}
        for sort keys %page;
    my (%without, %odd);
    for my $path (sort keys %page) {
        my $has = sub ($name) { header($page{$path}, $name) };
        my $csp = $has->('content-security-policy');
        push $without{'Content-Security-Policy'}->@*, $path unless length $csp;
        for my $part (split /\s*;\s*/, $csp) {
            push $odd{"Content-Security-Policy has $1 in $2"}->@*, $path
                if $part =~ /^(?=.*('unsafe-(?:inline|eval)'))(script-src|default-src)\b/;
        }
        push $without{"frame-ancestors in Content-Security-Policy"}->@*, $path
            if length $csp && $csp !~ /\bframe-ancestors\b/;
        for (['X-Content-Type-Options', qr/^nosniff/i], ['Referrer-Policy', qr/./],
            ['Permissions-Policy', qr/camera/],
            $self->{scheme} eq 'https' ? ['Strict-Transport-Security', qr/max-age=[1-9]/]
                : ())
        {
            push $without{$_->[0]}->@*, $path
                unless $has->(lc $_->[0]) =~ $_->[1];
        }
    }
    for (sort keys %without) {
        $report->fail('headers', "$_ is missing at @{$without{$_}}",
            'include headers.conf wherever a location has an add_header of its own');
    }
    $report->fail('headers', "$_ at @{$odd{$_}}", 'take it out: what the build makes '
        . 'needs no such word (site-csp.conf has the hashes)') for sort keys %odd;
    $report->ok('headers', 'policy, HSTS, sniffing, referrer and permissions, on pages '
        . 'that are there and on one that is not') unless %without || %odd || keys %page < 3;

    my $server = header($home, 'server');
    $server =~ /\d/ ? $report->warn('server', "says \"$server\"", 'server_tokens off')
        : $report->ok('server', 'tells no version');
    $self->packed($home);
    return;
}

sub packed ($self, $home) {
    my $report = $self->{report};
    my ($script) = $home->{body} =~ m{"(/_a/[\w.-]+\.(?:js|css))"};
    my @plain;
    for my $path (grep { defined } '/', $script) {
        my $res = $self->ask(HEAD => $path, headers => ['Accept-Encoding: br, gzip']);
        return if $self->unclear('compression', $path, $res);
        return $report->fail('compression', "$path, which / names, answers "
            . $res->{status}, 'copy the site whole: pages and /_a belong together')
            if $res->{status} != 200 && $path ne '/';
        push @plain, $path
            unless header($res, 'content-encoding') =~ /^(?:br|gzip)\z/;
    }
    return $report->fail('compression', "@plain " . (@plain > 1 ? 'come as they are'
        : 'comes as it is'), 'gzip_static on, and the .gz files that the build made') if @plain;
    return $report->warn('compression', '/ comes compressed; it names no script or style '
        . 'of /_a, which could be looked at', 'see whether that is the page that the '
        . 'build made') unless defined $script;
    return $report->ok('compression', 'pages and scripts come compressed');
}

# ---- what is not for everybody ---------------------------------------------

sub api ($self) {
    my $report = $self->{report};
    $report->group('access');

    my $health = $self->ask(GET => $PATH{health});
    $health->{status} == 200 ? $report->ok('health', 'can accept')
        : $report->fail('health', "$PATH{health} answers "
            . ($health->{error} // $health->{status}), 'see tavus-check on the machine');

    for my $path (@PATH{qw(admin panel)}) {
        my $res = $self->ask(GET => $path);
        my $asks = header($res, 'www-authenticate') =~ /^Basic/i;
        if ($res->{status} == 200) {
            $report->fail('admin', "$path is open to everybody", 'tavus_admin_users in '
                . 'its location, now');
        } elsif ($res->{status} == 401 && $asks) {
            my $wrong = $self->ask(GET => $path, user => 'tavus-check:not-a-password');
            next if $wrong->{error} && $self->unclear('admin', $path, $wrong);
            $wrong->{status} =~ /^(?:401|429)\z/
                ? $report->ok('admin', "$path asks for a login")
                : $report->fail('admin', "$path answers $wrong->{status} to a wrong "
                    . 'password', 'see tavus_admin_users');
        } elsif ($res->{status} == 429) {
            $report->skip('admin', "$path: too many have failed to log in from here",
                'try again in a minute');
        } elsif ($res->{status} =~ /^40[34]\z/) {
            $report->ok('admin', "$path answers $res->{status} from here");
        } elsif (!$self->unclear('admin', $path, $res)) {
            $report->fail('admin', "$path answers $res->{status}",
                'it should ask for a login (401)');
        }
    }

    my $metrics = $self->ask(GET => $PATH{metrics});
    if (($metrics->{ip} // '') =~ /^(?:127\.|::1)/) {
        $report->skip('metrics', 'this is the machine itself, which may see them');
    } elsif ($metrics->{status} == 200 && $metrics->{body} =~ /^tavus_/m) {
        $report->fail('metrics', "$PATH{metrics} is public", 'allow the addresses that '
            . 'scrape, and deny all');
    } elsif (!$self->unclear('metrics', $PATH{metrics}, $metrics)) {
        $report->ok('metrics', "$PATH{metrics} answers $metrics->{status}");
    }

    my $hook = $self->ask(POST => $PATH{hook}, body => '{}');
    $hook->{status} == 401 ? $report->ok('webhook', 'refuses what is not signed')
        : $self->unclear('webhook', $PATH{hook}, $hook) || $report->fail('webhook', "$PATH{hook} answers "
            . ($hook->{error} // $hook->{status}) . ' to what is not signed',
            'it should be 401: Tavus\'s callbacks would not arrive, or anybody\'s would');
    $self->cors;
    return;
}

sub cors ($self) {
    my $report = $self->{report};
    my $ask = sub ($method, $origin) {
        return $self->ask($method => $PATH{create}, headers => ["Origin: $origin",
            'Access-Control-Request-Method: POST',
            'Access-Control-Request-Headers: content-type',
            'Content-Type: application/json'],
            $method eq 'POST' ? (body => '{') : ());
    };
    my $foreign = 'https://foreign.example';
    my $let = sub ($res) { header($res, 'access-control-allow-origin') };

    my $pre = $ask->(OPTIONS => $foreign);
    my $post = $ask->(POST => $foreign);
    my $named = $let->($pre) =~ /^(?:\*|\Q$foreign\E)\z/
        || $let->($post) =~ /^(?:\*|\Q$foreign\E)\z/;
    my $what = "$PATH{create}, asked for $foreign";
    if (!$named && ($self->unclear('CORS', $what, $pre)
        || $self->unclear('CORS', $what, $post)))
    {
        # said
    } elsif ($named || $post->{status} != 403) {
        $report->fail('CORS', "pages of $foreign may make conversations ($PATH{create} "
            . "answers them $post->{status})", 'tavus_cors_origin is to name your own '
            . 'origins alone; nothing else may add Access-Control-Allow-Origin');
    } else {
        $report->ok('CORS', 'foreign pages are refused');
    }

    my $own = $ask->(OPTIONS => $self->{origin});
    my $good = $own->{status} =~ /^20[04]\z/ && $let->($own) eq $self->{origin};
    return $report->ok('own pages', 'may ask') if $good;
    return if $self->unclear('own pages', $PATH{create}, $own);
    return $report->fail('own pages', "a preflight of $self->{origin} is answered "
        . "$own->{status}", 'tavus_public_origin, or tavus_cors_origin, is to be exactly '
        . 'that origin');
}

# ---- limits ----------------------------------------------------------------

# A body that is none is refused after it has cost a token, and makes nothing.
sub limits ($self) {
    my $report = $self->{report};
    $report->group('limits');

    my $one = $self->ask(POST => $PATH{create}, body => '{');
    my $policy = header($one, 'ratelimit-policy');
    length $policy || $one->{status} == 429
        ? $report->ok('create', 'a conversation costs a token'
            . (length $policy ? " of $policy" : ': the bucket is spent'))
        : $self->unclear('create', $PATH{create}, $one) || $report->fail('create', 'nothing bounds how often an address may ask for a '
            . 'conversation', 'tavus_limit in its location: each costs money');

    # of this address alone, unlike the site's
    my ($n, $res) = (0);
    my $ends = $self->ask(POST => $PATH{end}, body => '{');
    my ($size) = header($ends, 'ratelimit-policy') =~ /;q=(\d+)/;
    return if !defined $size && $self->unclear('429', $PATH{end}, $ends);
    return $report->warn('429', "$PATH{end} has no limit", 'tavus_limit there, too')
        unless defined $size;
    return $report->skip('429', "a bucket of $size is not emptied for this")
        if $size > BUCKET;
    for (1 .. $size + 10) {
        $n++;
        $res = $self->ask(POST => $PATH{end}, body => '{');
        last if $res->{error} || $res->{status} == 429;
    }
    return if $res->{error} && $self->unclear('429', $PATH{end}, $res);
    return $report->fail('429', "$PATH{end}: $n requests at once, and a bucket of $size "
        . 'refuses none', 'see whether requests of one address reach several machines, '
        . 'or the balancer counts as one') if $res->{status} != 429;
    my $after = header($res, 'retry-after');
    my $code = (json($res->{body}) // {});
    return $report->fail('429', 'a 429 comes without Retry-After', 'no proxy may take it '
        . 'away') unless $after =~ /^\d+\z/;
    return $report->fail('429', 'a 429 comes with another body than the API\'s',
        'error_page or a proxy replaces it') unless ref $code eq 'HASH'
            && ($code->{code} // '') eq 'rate_limited';
    return $report->ok('429', "after a bucket of $size, with Retry-After: $after");
}

1;
