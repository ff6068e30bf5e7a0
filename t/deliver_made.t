#!/usr/bin/perl

# What core/ makes of events, whatever stands in them, is taken by those who
# play the destinations; and what it withholds has a reason.

use lib 't/lib';
use Tavus::Test;
use IPC::Open2 qw(open2);
use Mojo::JSON qw(decode_json encode_json);
use Mojo::UserAgent;
use Time::HiRes ();

use Tavus::Test::Process qw($ROOT new_dir);
use Tavus::Test::Sandbox;

# tavus_delivery_status_t
use constant {MADE => 0, WITHHELD => 1, UNFIT => 2};

my $seed = $ENV{TAVUS_SEED} // time;
srand $seed;
note "TAVUS_SEED=$seed";

my $s = Tavus::Test::Sandbox->new;
my $ua = Mojo::UserAgent->new(inactivity_timeout => 60);

my $program = new_dir() . '/encode';
my $core = "$ROOT/ngx_tavus_module/core";
is system('cc', '-std=gnu11', '-g', '-Wall', '-Wextra', '-Werror',
    "-I$core", "-I$core/..", '-o', $program, "$ROOT/t/senders/encode.c",
    glob("$core/*.c"), qw(-lcjson -lcrypto -lm)), 0, 'compiled'
    or BAIL_OUT('t/senders/encode.c');
my $pid = open2(my $out, my $in, $program);

# (what each became, …, the batch)
sub made ($to, $consent, @deliveries) {
    print {$in} encode_json({to => $to, consent => $consent,
        now => now(), key => $s->posthog_key, property => 'note',
        deliveries => \@deliveries}), "\n";
    $in->flush;
    return decode_json(<$out> // BAIL_OUT("it ended: TAVUS_SEED=$seed"))->@*;
}

sub now () { return sprintf '%d', Time::HiRes::time() * 1e6 }

sub one_of (@list) { return $list[rand @list] }

# ---- events as they should not be ------------------------------------------

my @LETTERS = ('a' .. 'f', ' ', '_', '.', '-', '"', '\\', '<', "\n", "\x{7f}",
    "\x{e9}", "\x{20ac}", "\x{1f600}", "\x{2028}");

sub text ($most) {
    return join '', map { one_of(@LETTERS) } 1 .. int rand($most + 1);
}

my @NOBODY = ('', qw(anonymous Guest null undefined NaN 0 false user id email),
    '[object Object]', ' null ', '"none"',
    '00000000-0000-0000-0000-000000000000');
my @TYPES = (qw(page_view generate_lead contact.submitted conversation.ended
    checkout.session.completed session_start error first_visit _x ga_hits
    firebase_x system.pal_joined demo.started purchase),
    '$identify', '$create_alias', 'x' x 41, 'x' x 201, '1st', "caf\x{e9}");

sub id () {
    return one_of(one_of(@NOBODY), text(12), 'x' x 200, 'x' x 201,
        "\x{20ac}" x 100, uuid());
}

sub uuid () {
    return sprintf '%08x-%04x-7%03x-8%03x-%012x',
        map { int rand 2 ** $_ } 32, 16, 12, 12, 48;
}

my @VALUES = (sub { text(20) }, sub { 'x' x 99 . "\x{20ac}\x{20ac}" },
    sub { 'x' x 1500 . text(3) }, sub { int rand 1e6 }, sub { rand },
    sub { one_of(-1e15, 1e300, 1.7976931348623157e308) }, sub { undef },
    sub { Mojo::JSON::true }, sub { Mojo::JSON::false });

sub value ($depth = 0) {
    return one_of(@VALUES)->() if $depth == 2 || rand() < .8;
    return [map { value($depth + 1) } 1 .. 3] if rand() < .5;
    return {map { (one_of(text(6), 'note') => value($depth + 1)) } 1 .. 3};
}

my @MEMBERS = qw(note path value currency duration session_id user_id
    distinct_id token api_key $set $process_person_profile engagement_time_msec
    firebase_conversion _x ga_x items page_location timestamp_micros properties
    event_id consent transaction_id utm_source);

sub body () {
    my %body = map { (one_of(one_of(@MEMBERS), text(6), 'x' x 41,
        'p' . int rand 40) => value()) } 1 .. rand 60;
    $body{properties} = {map { (one_of(@MEMBERS) => value()) } 1 .. 10}
        if rand() < .3;
    return \%body;
}

sub visitor () {
    return {} if rand() < .1;
    my %of = map { ($_ => rand() < .5 ? id() : uuid()) }
        grep { rand() < .7 } qw(session_id user_id);
    $of{$_} = text(300) for grep { rand() < .4 }
        qw(vertical utm_source utm_medium utm_campaign);
    $of{consent} = one_of(qw(granted granted granted denied))
        if rand() < .8;
    return \%of;
}

sub delivery () {
    my $age = one_of(0, rand 3600, rand 71 * 3600, 80 * 3600, 40 * 86400);
    return {
        id => uuid(),
        time => sprintf('%d', (Time::HiRes::time() - $age) * 1e6),
        source => one_of(qw(browser tavus stripe server)),
        event_type => one_of(one_of(@TYPES), one_of(@TYPES), text(30)),
        conversation_id => one_of('', 'c0123456789abcdef', text(20)),
        body => encoded(body()),
        visitor => encoded(visitor()),
    };
}

sub encoded ($json) { return Mojo::JSON::to_json($json) }

# ---- each of them ----------------------------------------------------------

# One more that is not as it should be; of thousands that are nothing is said.
my $lost = 0;
sub lost ($name, @what) {
    return if $lost++ > 5;
    fail $name;
    diag "TAVUS_SEED=$seed: ", explain @what;
    return;
}

my %made;

# What was made of each; a batch comes behind.
sub tried ($to, $consent, @deliveries) {
    my @made = made($to, $consent, @deliveries);
    for (0 .. $#deliveries) {
        my ($status, $reason, $json) = $made[$_]->@{qw(status reason made)};
        $made{"$to $consent"} += $status == MADE;
        lost('made, or a reason why not', $made[$_], $deliveries[$_])
            unless $status == MADE ? defined $json : !defined $json
                && ($status == WITHHELD || $status == UNFIT)
                && ($reason // '') =~ /^[a-z][a-z0-9_]*\z/;
    }
    return @made;
}

# Whom it is about, where that may not be said.
sub named ($delivery, $json) {
    my $of = decode_json(Mojo::Util::encode('UTF-8', $delivery->{visitor}));
    return if ($of->{consent} // '') eq 'granted';
    return grep { length > 8 && index($json,
        Mojo::JSON::to_json($_) =~ s/^"|"\z//gr) >= 0 }
        grep { defined } $of->@{qw(session_id user_id)};
}

sub posthog ($consent, @deliveries) {
    my @made = tried(posthog => $consent, @deliveries);
    my $batch = @made > @deliveries ? pop @made : return @made;
    my $res = $ua->post($s->posthog_url . '/batch/' =>
        {'Content-Type' => 'application/json'} =>
        Mojo::Util::encode('UTF-8', $batch->{made}))->result;
    return @made if $res->code == 200;

    my $at = $s->received('posthog')->{invalid}[-1]{at};
    my @those = grep { defined $_->{made} } @made;
    lost('PostHog takes the batch', $res->body,
        defined $at ? $those[$at] : $batch);
    return @made;
}

sub ga4 ($consent, @deliveries) {
    my @made = tried(ga4 => $consent, @deliveries);
    for (grep { defined $made[$_]{made} } 0 .. $#deliveries) {
        my $said = $ua->post($s->ga4_url . '/debug/mp/collect' =>
            Mojo::Util::encode('UTF-8', $made[$_]{made}))
            ->result->json->{validationMessages};
        lost('GA4 counts it', $said, $made[$_]{made}, $deliveries[$_])
            if @$said;
    }
    return @made;
}

for my $consent (0, 1) {
    for (1 .. 20) {
        my @deliveries = map { delivery() } 1 .. 25;
        for my $made ([posthog($consent, @deliveries)],
            [ga4($consent, @deliveries)])
        {
            for (grep { defined $made->[$_]{made} } 0 .. $#deliveries) {
                my $json = $made->[$_]{made};
                lost('nobody is named', $json, $deliveries[$_])
                    if named($deliveries[$_], $json);
            }
        }
    }
}

my $secret = $s->hook('crm');
for my $consent (0, 1, 2) {
    my @deliveries = map { delivery() } 1 .. 100;
    my @made = tried(webhook => $consent, @deliveries);
    for (grep { defined $made[$_]{made} } 0 .. $#deliveries) {
        my $bytes = Mojo::Util::encode('UTF-8', $made[$_]{made});
        my $res = $ua->post($s->hook_url('crm') =>
            {'Content-Type' => 'application/json', sign_standard($secret,
                $deliveries[$_]{id}, $bytes)} => $bytes)->result;
        lost('the receiver takes it', $res->body, $deliveries[$_])
            if $res->code != 200;
    }
}

is $lost, 0, 'all that was made is taken, and names nobody unasked';
cmp_ok $made{$_}, '>', 10, "$_: $made{$_} were sent" for sort keys %made;

# kept as they were made, each once
is $s->received('posthog')->{unique},
    $made{'posthog 0'} + $made{'posthog 1'}, 'PostHog has each of them';
is $s->received('posthog')->{duplicates}, 0, 'once';
is $s->received('hooks')->{refused}, 0, 'no webhook was refused';

close $in;
waitpid $pid, 0;
is $?, 0, 'it ends well';

done_testing;
