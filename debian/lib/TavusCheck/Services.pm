package TavusCheck::Services;

# What is asked of others: Tavus, Stripe, SendGrid, PostHog, GA4, the owner's own
# URLs.  Nothing that costs, and nothing that changes anything there, but for
# test_mode().

use v5.36;
use utf8;

use TavusCheck::Database;
use TavusCheck::Run qw(http json);
use TavusCheck::Server;

use constant STRIPE_VERSION => '2026-10-28.endive';

# of SendGrid, PostHog and GA4, where a block names no url
my %URL = (sendgrid => 'https://api.sendgrid.com',
    posthog => 'https://us.i.posthog.com',
    ga4 => 'https://www.google-analytics.com');

sub new ($class, %opt) { return bless {%opt}, $class }

sub look ($self) {
    $self->tavus;
    $self->stripe;
    $self->deliveries;
    return;
}

sub ca ($self) {
    my $conf = $self->{conf};
    return $conf->full($conf->value('tavus_trusted_certificate',
        '/etc/ssl/certs/ca-certificates.crt'), 'conf');
}

sub get ($self, $url, @headers) {
    return http(GET => $url, headers => \@headers, cacert => $self->ca,
        timeout => $self->{opt}{timeout});
}

# A key that the configuration names; undef, and said, if it cannot be read.
sub key ($self, $from) {
    my ($report, $conf) = $self->@{qw(report conf)};
    my ($value, $why) = $conf->secret($from);
    if (defined $why) {
        $report->skip('key', $why, $conf->how($why));
        return undef;
    }
    return $report->secret($value);
}

sub words ($res) {
    my $j = json($res->{body});
    return '' unless ref $j eq 'HASH';
    my $said = $j->{message} // $j->{error} // (ref $j->{errors} eq 'ARRAY'
        ? $j->{errors}[0] : undef);
    $said = $said->{message} // $said->{code} if ref $said eq 'HASH';
    return defined $said && !ref $said ? ": $said" : '';
}

sub unreached ($self, $name, $res, $whose) {
    my $do = $res->{error} =~ /certificate/ ? 'see tavus_trusted_certificate, and '
        . 'whether something between breaks TLS open'
        : "see DNS and the firewall: nginx must reach $whose, too";
    return $self->{report}->fail($name, $res->{error}, $do);
}

# ---- Tavus -----------------------------------------------------------------

sub tavus_key ($self) {
    my $from = $self->{conf}->value('tavus_api_key');
    return defined $from ? $self->key($from) : undef;
}

sub url ($self, $name, $default) {
    return $self->{conf}->value($name, $default) =~ s{/+\z}{}r;
}

sub tavus ($self) {
    my ($report, $conf) = $self->@{qw(report conf)};
    $report->group('Tavus');
    return $report->skip('key', 'there is no tavus_api_key')
        unless defined $conf->value('tavus_api_key');
    my $key = $self->tavus_key // return;
    my $url = $self->url('tavus_api_url', 'https://tavusapi.com');

    my $before = time;
    my $res = $self->get("$url/v2/conversations?limit=1", "x-api-key: $key");
    return $self->unreached('key', $res, 'Tavus') if $res->{error};
    $report->fail('key', "$url refuses it with $res->{status}" . words($res),
        'put a valid key where tavus_api_key says, and reload nginx; at Tavus it may '
        . 'be bound to addresses') if $res->{status} =~ /^40[13]\z/;
    my $takes = $res->{status} == 200 && ref json($res->{body}) eq 'HASH';
    $report->warn('key', "$url answers 429" . words($res), 'it asks for patience: try '
        . 'again in a minute') if $res->{status} == 429;
    $report->fail('key', "$url answers $res->{status}" . ($res->{status} == 200
        ? ', which is not JSON' : words($res)), $res->{status} >= 500
        ? 'Tavus has trouble: see its status page, and try again' : 'see tavus_api_url')
        if !$takes && $res->{status} !~ /^(?:401|403|429)\z/;
    $report->ok('key', "$url takes it") if $takes;

    $self->clock($res, ($before + time) / 2);
    return unless $takes;
    $self->vertical($_, $url, $key) for $conf->http_all('tavus_vertical');
    return;
}

# Whole seconds are told, and it took a while.
sub clock ($self, $res, $here) {
    my ($said) = ($res->{header}{date} // [])->@*;
    my ($d, $m, $y, $h, $min, $s) = ($said // '')
        =~ /^\w{3}, (\d\d) (\w{3}) (\d{4}) (\d\d):(\d\d):(\d\d) GMT\z/
        or return $self->{report}->skip('clock', 'the answer has no Date');
    my $month = index('JanFebMarAprMayJunJulAugSepOctNovDec', $m) / 3;
    require Time::Local;
    return TavusCheck::Database::clock_line($self->{report}, 'Tavus',
        Time::Local::timegm($s, $min, $h, $d, $month, $y) + 0.5 - $here, 1.5);
}

sub vertical ($self, $block, $url, $key) {
    my ($report, $conf) = $self->@{qw(report conf)};
    my $name = "vertical $block->{args}[0]";
    my @ids = (['personas', 'persona', $conf->member($block, qw(persona_id pal_id))],
        ['replicas', 'replica', $conf->member($block, qw(replica_id face_id))]);
    my @good;

    for (grep { defined $_->[2] } @ids) {
        my ($path, $what, $id) = @$_;
        my $res = $self->get("$url/v2/$path/$id", "x-api-key: $key");
        return $self->unreached($name, $res, 'Tavus') if $res->{error};
        my $is = json($res->{body});

        if ($res->{status} == 400 || $res->{status} == 404) {
            return $report->fail($name, "Tavus knows no $what $id" . words($res),
                "see ${what}_id: it was deleted, or is another account's");
        }
        if ($res->{status} != 200 || ref $is ne 'HASH') {
            return $report->warn($name, "$what $id: Tavus answers $res->{status}"
                . words($res), 'try again');
        }
        if ($what eq 'replica' && ref $is eq 'HASH'
            && ($is->{status} // 'completed') ne 'completed')
        {
            return $report->fail($name, "replica $id is \"$is->{status}\"",
                'wait until its training is completed, or name another');
        }
        if ($what eq 'persona' && !defined $ids[1][2] && faceless($is)) {
            return $report->fail($name, "persona $id has no replica of its own",
                'name a replica_id, too');
        }
        push @good, "$what $id";
    }
    return $report->ok($name, join(' and ', @good) . ' are there');
}

# A persona that says of itself that it has no replica; the documents have it in
# a list of one.
sub faceless ($is) {
    $is = $is->{data}[0] if ref $is eq 'HASH' && ref $is->{data} eq 'ARRAY';
    return 0 unless ref $is eq 'HASH';
    my @is = map { exists $is->{$_} ? $is->{$_} // '' : () }
        qw(default_replica_id default_face_id);
    return @is && !grep { length } @is;
}

# A conversation that no replica joins, that costs nothing and does not count;
# it is deleted again.
sub test_mode ($self) {
    my ($report, $conf) = $self->@{qw(report conf)};
    $report->group('test mode');
    return $report->skip('create', '--no-store') if $self->{opt}{'no-store'};
    my ($block) = $conf->http_all('tavus_vertical');
    my $key = $self->tavus_key;
    return $report->skip('create', 'there is no tavus_api_key that can be read, or no '
        . 'tavus_vertical') unless defined $key && $block;
    my $url = $self->url('tavus_api_url', 'https://tavusapi.com');
    my $legacy = $conf->value('tavus_api_names', 'current') eq 'legacy';
    my $persona = $conf->member($block, qw(persona_id pal_id));
    my $replica = $conf->member($block, qw(replica_id face_id));

    my $body = JSON::PP->new->canonical->encode({
        test_mode => JSON::PP::true(), conversation_name => 'tavus-check',
        defined $persona ? (($legacy ? 'persona_id' : 'pal_id') => $persona) : (),
        defined $replica ? (($legacy ? 'replica_id' : 'face_id') => $replica) : ()});
    my $res = http(POST => "$url/v2/conversations", body => $body,
        headers => ["x-api-key: $key"], cacert => $self->ca,
        timeout => $self->{opt}{timeout} * 2);
    return $self->unreached('create', $res, 'Tavus') if $res->{error};
    my $is = json($res->{body});
    my $id = ref $is eq 'HASH' ? $is->{conversation_id} : undef;
    return $report->fail('create', "Tavus answers $res->{status}" . words($res),
        $res->{status} == 402 ? 'buy credits' : 'see key and vertical: visitors would '
        . 'be answered likewise') if $res->{status} != 200 || !defined $id;
    return $report->fail('create', "what was made is \"$is->{status}\", and not ended",
        'end it at Tavus: test_mode was not heeded') if ($is->{status} // '') ne 'ended'
            && $self->undo($url, $key, $id, 1);
    my $gone = $self->undo($url, $key, $id);
    return $report->ok('create', 'Tavus made a conversation in test mode, which costs '
        . 'nothing, and ' . ($gone ? 'has deleted it again' : "keeps it as $id"));
}

sub undo ($self, $url, $key, $id, $end = 0) {
    return 0 unless $id =~ /^[\w-]+\z/;
    my @how = (headers => ["x-api-key: $key"], cacert => $self->ca,
        timeout => $self->{opt}{timeout});
    http(POST => "$url/v2/conversations/$id/end", @how) if $end;
    my $res = http(DELETE => "$url/v2/conversations/$id", @how);
    return $end || $res->{status} =~ /^20/;
}

# ---- Stripe ----------------------------------------------------------------

sub stripe ($self) {
    my ($report, $conf) = $self->@{qw(report conf)};
    $report->group('Stripe');
    my $from = $conf->value('tavus_stripe_key')
        // return $report->skip('key', 'there is no tavus_stripe_key');
    my $key = $self->key($from) // return;
    my $live = $key =~ /^[sr]k_live_/;
    my $url = $self->url('tavus_stripe_api_url', 'https://api.stripe.com');
    my @plans = $conf->http_all('tavus_plan');
    my $shown = $self->shown;
    my ($known, $asked) = (0, 0);

    for my $plan (@plans) {
        my ($price) = $conf->children($plan, 'price') or next;
        my ($mode) = $conf->children($plan, 'mode');
        my $name = $plan->{args}[0];
        my @prices = (["plan $name", $price->{args}[0], $shown->{plans}{$name},
            ($mode ? $mode->{args}[0] : 'subscription') eq 'subscription'
                ? 'month' : 'once']);
        push @prices, map { my ($add, $id) = $_->{args}->@*;
            ["add-on $add", $id, $shown->{add_ons}{$add},
                ($shown->{add_ons}{$add} // {})->{every}] }
            $conf->children($plan, 'add_on');

        for (@prices) {
            next if $self->{seen}{"$_->[0] $_->[1]"}++;
            my $res = $self->get("$url/v1/prices/$_->[1]",
                "Authorization: Bearer $key", 'Stripe-Version: ' . STRIPE_VERSION);
            $asked++;
            # one that is not there tells nothing of the key
            if (!$known && $res->{status} !~ /^40[04]\z/) {
                return unless $self->stripe_key($res, $url, $live, 'prices');
                $known = 1;
            }
            $self->price(@$_, $shown, $res, $live);
        }
    }
    $report->skip('prices', 'there is no tavus_plan') unless $asked;
    # what the module itself asks for
    $self->stripe_key($self->get("$url/v1/events?limit=1", "Authorization: Bearer $key",
        'Stripe-Version: ' . STRIPE_VERSION), $url, $live, 'events') unless $known;
    return;
}

sub stripe_key ($self, $res, $url, $live, $what) {
    my $report = $self->{report};
    my $mode = $live ? 'live mode' : 'test mode';
    if ($res->{error}) {
        $self->unreached('key', $res, 'Stripe');
        return 0;
    }
    if ($res->{status} == 401) {
        $report->fail('key', "$url refuses it" . words($res), 'put a valid key where '
            . 'tavus_stripe_key says, and reload nginx');
        return 0;
    }
    if ($res->{status} == 403) {
        $report->warn('key', $what eq 'prices' ? 'it may not read prices: these cannot '
            . "be held against those shown ($mode)" : "it may not read events ($mode)",
            $what eq 'prices' ? 'a restricted key wants the right to read prices for '
            . 'this check alone' : 'a restricted key wants the right to read events, if '
            . 'tavus_stripe_repair is to work');
        return 0;
    }
    if ($res->{status} != 200 || ref json($res->{body}) ne 'HASH') {
        $report->warn('key', "$url answers $res->{status}" . ($res->{status} == 200
            ? ', which is not JSON' : words($res)), $res->{status} == 429
            || $res->{status} >= 500 ? 'try again' : 'see tavus_stripe_api_url');
        return 0;
    }
    my $origin = $self->{conf}->value('tavus_public_origin') // '';
    if (!$live && $origin =~ /^https:/
        && ($self->{conf}->value('tavus_sandbox') // 'off') ne 'on')
    {
        $report->warn('key', "$url takes it: $mode", 'no money comes: a key of live '
            . 'mode, with its prices and its webhook secret, when the site is to sell');
    } else {
        $report->ok('key', "$url takes it: $mode");
    }
    return 1;
}

# What the pages show: those that were built in, with what /config.json says
# instead.
sub shown ($self) {
    my $server = $self->{server};
    return {} unless $server && $server->{runs};
    my $built = json($server->ask(GET => '/prices.json')->{body});
    my $config = json($server->ask(GET => '/config.json')->{body});
    my $said = ref $config eq 'HASH' ? $config->{prices} : undef;
    my $shown = ref $built eq 'HASH' ? $built : {};

    if (ref $said eq 'HASH') {
        $shown->{currency} = $said->{currency} if defined $said->{currency};
        for my $kind (qw(plans add_ons)) {
            my $of = $said->{$kind};
            $shown->{$kind}{$_} = {($shown->{$kind}{$_} // {})->%*, $of->{$_}->%*}
                for ref $of eq 'HASH' ? grep { ref $of->{$_} eq 'HASH' } keys %$of : ();
        }
    }
    $shown->{tells} = ref $shown->{plans} eq 'HASH';
    $self->{report}->skip('shown prices', 'the site tells none (/prices.json): they '
        . 'are not held against Stripe\'s') unless $shown->{tells};
    return $shown;
}

sub price ($self, $name, $id, $shows, $every, $shown, $res, $live) {
    my $report = $self->{report};
    return $report->fail($name, "$id: $res->{error}", 'try again') if $res->{error};
    my $is = json($res->{body});
    $is = {} unless ref $is eq 'HASH';
    return $report->fail($name, "Stripe has no price $id" . words($res),
        'see tavus_plan: it is deleted, or of the other mode') if $res->{status} == 404
            || ($res->{status} == 400);
    return $report->warn($name, "$id: Stripe answers $res->{status}" . words($res),
        'try again') if $res->{status} != 200;

    my $mode = $is->{livemode} ? 'live' : 'test';
    return $report->fail($name, "$id is of $mode mode, and the key is not",
        'see tavus_plan and tavus_stripe_key') if !!$is->{livemode} ne !!$live;
    return $report->fail($name, "$id is not active: nobody can buy it",
        'activate it at Stripe, or name another in tavus_plan') unless $is->{active};

    my $amount = $is->{unit_amount};
    my $cost = defined $amount ? "$amount " . uc($is->{currency} // '?')
        : 'no single amount';
    my $pays = ($is->{type} // '') eq 'recurring'
        ? ($is->{recurring}{interval} // 'month') : 'once';
    return $shown->{tells} ? $report->warn($name, "$id costs $cost ($pays); the site "
        . 'tells no price of it', 'see "prices" of /config.json, or take it out of '
        . 'tavus_plan') : $report->skip($name, "$id costs $cost ($pays); what the site "
        . 'shows is not known') unless $shows;

    my $says = "$shows->{amount} " . uc($shown->{currency} // '?');
    return $report->warn($name, "$id costs $cost, and the site shows $says", 'it has '
        . 'tiers or decimals: see that they mean the same') unless defined $amount;
    return $report->fail($name, "$id costs $cost, but the site shows $says (in the "
        . 'minor unit)', 'have "prices" of /config.json say what Stripe does, or name '
        . 'the right price in tavus_plan') if $cost ne $says;
    return $report->fail($name, "$id is paid " . ($pays eq 'once' ? 'once' : "each $pays")
        . ', but the site or the plan says ' . ($every eq 'once' ? 'once'
            : "each $every"), 'name a price that fits in tavus_plan')
        if defined $every && $pays ne $every;
    return $report->ok($name, "$id costs $cost ($pays), as the site shows");
}

# ---- destinations ----------------------------------------------------------

sub deliveries ($self) {
    my ($report, $conf) = $self->@{qw(report conf)};
    $report->group('destinations');
    my @all = $conf->http_all('tavus_deliver');
    return $report->skip('deliver', 'there is no tavus_deliver') unless @all;

    for my $block (@all) {
        my ($kind, @rest) = $block->{args}->@*;
        my ($name) = map { /^name=(.+)/ ? $1 : () } @rest;
        my $can = $self->can("to_$kind") or next;
        my $url = $conf->member($block, 'url') // $URL{$kind} // '';
        if ($url =~ /^(?:file|env|credential):/) {
            my ($value, $why) = $conf->secret($url);
            if (defined $why) {
                $report->skip($name // $kind, $why, $conf->how($why));
                next;
            }
            $url = $report->secret($value);
        }
        $self->$can($name // $kind, $block, $url =~ s{/+\z}{}r);
    }
    $self->told;
    return;
}

sub its_key ($self, $name, $block, $member = 'key') {
    my ($report, $conf) = $self->@{qw(report conf)};
    my ($value, $why) = $conf->secret($conf->member($block, $member));
    return $report->secret($value) unless defined $why;
    $report->skip($name, $why, $conf->how($why));
    return undef;
}

sub to_sendgrid ($self, $name, $block, $url) {
    my $report = $self->{report};
    my $key = $self->its_key($name, $block) // return;
    my $res = $self->get("$url/v3/scopes", "Authorization: Bearer $key");
    return $self->unreached($name, $res, 'SendGrid') if $res->{error};
    return $report->fail($name, "SendGrid refuses the key with $res->{status}"
        . words($res), 'put a valid key where "key" says, and reload nginx')
        if $res->{status} == 401;
    return $report->warn($name, "SendGrid answers $res->{status} to what its key may"
        . words($res), 'see the key at SendGrid: it needs mail.send')
        if $res->{status} != 200;
    my $is = json($res->{body});
    my @may = ref $is eq 'HASH' && ref $is->{scopes} eq 'ARRAY' ? $is->{scopes}->@* : ();
    return $report->fail($name, 'the key may not send mails (mail.send is not among its '
        . scalar(@may) . ' scopes)', 'give it "Mail Send" at SendGrid')
        unless grep { $_ eq 'mail.send' } @may;
    my $more = grep { /^(?:api_keys|billing|teammates|user)\./ && /create|update|delete/ }
        @may;
    return $report->warn($name, 'the key is valid and may send mails, and far more',
        'make one that may "Mail Send" alone') if $more;
    return $report->ok($name, 'SendGrid takes the key, which may send mails');
}

# Any answer says that the way is open.
sub reached ($self, $name, $url, $whose) {
    my $res = http(HEAD => $url, cacert => $self->ca,
        timeout => $self->{opt}{timeout});
    if ($res->{error}) {
        my ($host) = $url =~ m{^https?://([^/?#]+)};
        $self->{report}->fail($name, "$host: " . $res->{error}, "see DNS, the "
            . "firewall and the certificate: nginx must reach $whose, too");
        return 0;
    }
    return 1;
}

sub to_posthog ($self, $name, $block, $url) {
    my $report = $self->{report};
    my $key = $self->its_key($name, $block) // return;
    $self->reached($name, $url, 'PostHog') or return;
    return $report->fail($name, 'the key does not begin with phc_', 'it is the '
        . 'project\'s key, not a personal one') if $key !~ /^phc_/;
    return $report->skip($name, 'it is reached; whether the key is right it tells only '
        . 'to events, and none is sent for this', 'see "state" of /api/admin/deliveries '
        . 'once something was sent');
}

sub to_ga4 ($self, $name, $block, $url) {
    my ($report, $conf) = $self->@{qw(report conf)};
    my $secret = $self->its_key($name, $block, 'secret') // return;
    my $id = $conf->member($block, 'measurement_id');
    my $in = $secret =~ s/([^A-Za-z0-9._~-])/sprintf '%%%02X', ord $1/ger;
    my $res = http(POST => "$url/debug/mp/collect?measurement_id=$id&api_secret=$in",
        body => '{"client_id":"1.1","events":[{"name":"tavus_check","params":'
            . '{"session_id":"1","engagement_time_msec":1}}]}',
        cacert => $self->ca, timeout => $self->{opt}{timeout});
    return $self->unreached($name, $res, 'Google') if $res->{error};
    my $is = json($res->{body});
    my $said = ref $is eq 'HASH' ? $is->{validationMessages} : undef;
    return $report->warn($name, "the debug server answers $res->{status}", 'see url and '
        . 'measurement_id') if $res->{status} != 200 || ref $said ne 'ARRAY';
    return $report->fail($name, 'Google says: ' . join('; ', map {
        ($_->{fieldPath} // '') . ' ' . ($_->{description} // '') } @$said),
        'see measurement_id and secret of the stream in Google Analytics') if @$said;
    return $report->ok($name, 'the debug server has nothing to say against it; it stores '
        . 'nothing, and what it does not judge it does not tell');
}

sub to_webhook ($self, $name, $block, $url) {
    my ($host) = $url =~ m{^https?://([^/?#]+)};
    return $self->{report}->fail($name, 'the URL is none', 'see "url"')
        unless defined $host;
    $self->reached($name, $url, 'it') or return;
    return $self->{report}->ok($name, "$host is reached"
        . ($url =~ /^https/ ? ', with a certificate that is trusted' : ''));
}

# What they made of what was sent, where the admin API may be asked.
sub told ($self) {
    my ($report, $conf, $server) = $self->@{qw(report conf server)};
    return unless defined $self->{opt}{admin} && $server->{runs}
        && !$server->{login_refused};
    my ($at) = $conf->locations('tavus_admin');
    my $path = $conf->path_of($at) // return;
    my $res = $server->ask(GET => "${path}deliveries?limit=1",
        user => $self->{opt}{admin});
    my $is = json($res->{body});
    return TavusCheck::Server::refused($report, 'told', "${path}deliveries", $res)
        if $res->{error} || $res->{status} != 200 || ref $is ne 'HASH'
            || ref $is->{destinations} ne 'ARRAY';

    for my $d (grep { $_->{state} =~ /^(?:paused|stopped)\z/ } $is->{destinations}->@*) {
        $report->fail($d->{name}, "$d->{state}: " . ($d->{reason} // '') . ' '
            . ($d->{said} // ''), 'see /api/admin/deliveries; when it is mended, POST '
            . 'deliveries/retry?destination=' . $d->{name});
    }
    for my $d (grep { $_->{dead} } $is->{destinations}->@*) {
        $report->warn($d->{name}, "$d->{dead} events have failed there for good",
            'see /api/admin/deliveries?state=dead');
    }
    return;
}

1;
