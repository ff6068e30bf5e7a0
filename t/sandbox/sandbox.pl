#!/usr/bin/perl

# Plays the services that the module talks to, as their documents give them
# and no more friendly: what they would refuse is refused here.
#
#   sandbox.pl --listen http://127.0.0.1:PORT [--api-key KEY] [--pid-file FILE]
#       [--stripe-webhook-url URL] [--base URL]
#
# For tests, beside the services' own paths:
#
#   POST   /_fault      {path?, method?, holds?, kind, times?, after?, …}: see
#                       below
#   DELETE /_fault      no more faults
#   GET    /_calls      what was received; DELETE forgets it
#   GET    /_callbacks  callbacks that were sent, and how they were answered
#   DELETE /_callbacks
#   POST   /_callback   {conversation_id, event_type, properties?, timestamp?},
#                       {conversation_id, bare: guardrail | objective} or
#                       {url, body}: sends one now, answers its result;
#                       without properties those of the documents
#   POST   /_play       {conversation_id, story?, reason?}: a whole life at
#                       once, answered when all is sent, with its events
#   POST   /_events     {conversation_id, events, status?}: what the verbose
#                       GET has from now on; null is the truth again
#   POST   /_document   {document_id, status?, error_message?, progress?,
#                       crawled?}: what a document is from now on; crawled is
#                       so many seconds ago
#   GET    /_posthog    what came at a destination: {received, unique,
#          /_ga4        duplicates, refused, events, invalid}; an event with
#          /_hooks      how often it came (times), a refusal with its reason;
#          /_sendgrid
#   GET    /_stripe     the same of sessions, which are as the API shows them;
#                       events are all that were made, {id, type, state, sent}
#   POST   /_stripe     {do, session}: what happens to a session, answered when
#                       its events are sent, with their ids.  do is pay, late
#                       (pays by bank), then paid or unpaid, refund (amount?),
#                       dispute, and of a subscription renew, fail (to renew),
#                       cancel (at_period_end?).  {do: deliver, event} sends
#                       an event again, {do: send, body} anything, signed
#                       ?ids=1: {id: how often} of all, the newest ten
#                       thousand being kept; a webhook has in "sent" body
#                       and headers of each time that it came
#   GET    /_received   the same as a page; / leads there
#   GET    /_mails      a page of the mails
#   *      /c/pay/ID    where a session of Stripe's is paid
#   *      /_sink       a callback_url that takes everything
#   POST   /_config     {name: value}, of
#
#     callback_attempts, callback_retry_ms   how often, and when again
#     callback_drop        the share of callbacks that are lost, 0 to 1
#     credits              0: none are left
#     default_replica      that each persona has, null: none
#     document_ms          that each step of a document takes
#     errors               error or message: the name they stand under; either
#     ga4_measurement_id, ga4_secret   that GA4's part knows
#     hooks                {name: "whsec_…"}: what /hooks/name verifies with
#     line_ms              between two lines in a room
#     max_concurrent       conversations that may be active at once
#     max_crawling         sites that may be read at once
#     max_crawls           documents that are crawled sites
#     missing_ids          personas and replicas that Tavus does not know
#     names                in answers and callbacks: new (pal, face), old
#                          (persona, replica), mixed, or as it was asked
#     plan_limit   longer ones are cut, and nothing is said
#     posthog_key          the project's key, "phc_…"
#     record_answers       1: /_calls has the answers, too
#     recrawl_seconds      before a site is read again
#     row_times            of a transcript: epoch, iso or mixed
#     seed                 of what is random from now on
#     sendgrid_from        the only verified sender; else anybody is
#     sendgrid_key         "SG.…"
#     sendgrid_scopes      what its key may
#     sendgrid_limit       mails a minute; any more are 429
#     story                in rooms: plain, full or all (lib/Sandbox/Script.pm)
#     stripe_account_version   of events that are listed, as below
#     stripe_deliver       {type: {delay_ms, times, lost}}: how the webhooks of
#                          that type go; "*" of all others
#     stripe_keeps_500     1: a fault of status 500 and more with "after" is
#                          kept for the Idempotency-Key, as Stripe's own are
#     stripe_key           "sk_…"; of live mode if it says so
#     stripe_order         of what happens at once: made, reversed or random
#     stripe_prices        {id: {type: one_time or recurring, currency,
#                          unit_amount, interval?, active?, livemode?}}
#     stripe_url           0: a session is answered without its URL
#     stripe_version       the only one that Stripe-Version may say
#     stripe_waits         0: who has paid is sent on before webhooks are
#     stripe_webhook_url, stripe_webhook_secret   of the one endpoint; none
#     stripe_webhook_version   2024-06-20, 2026-09-30.endive or
#                          2026-10-28.endive: the shape of what it gets
#     twins                0: no system.replica_joined after system.pal_joined
#     verbose              replayed: the GET has what was called back; example:
#                          what the documents' example has of it
#
#   DELETE /_state      as if just started
#
# The destinations are at
#
#   POST /posthog/batch/            lib/Sandbox/Posthog.pm
#   POST /ga4/mp/collect, /ga4/debug/mp/collect     Ga4.pm
#   POST /hooks/NAME                Hooks.pm
#   *    /v1/…                      Stripe.pm: sessions, prices, events
#   POST /v3/mail/send, GET /v3/scopes  Sendgrid.pm
#
# Faults match the beginning of the path, or with the method POST all of it unless
# it ends with a slash, and what "holds" some text, and apply to "times" calls
# (default: all).  kind is one of
#
#   status   "status" with "body" (text or JSON) and "headers"
#   delay    "ms" later
#   hang     no answer, the connection stays open
#   cut      the connection ends after "bytes" of an answer (default: half)
#   reset    the connection is reset
#   garbage  200 with a body ("body") that is not JSON; not even HTTP if "raw"
#   huge     200 with "bytes" of JSON (default 64 MB)
#   slow     one byte every "ms"
#
# Without "after" the call has no effect (delay and slow: it has); with it the
# effect is there, and only the answer is lost or changed.

use v5.36;
use FindBin;
use lib "$FindBin::Bin/lib";

# with others, signals wait until something else happens; and what is never
# spoken on loopback need not be read by each test, unless callbacks go to https,
# which a CA is named for; JSON is the same whatever else is installed
BEGIN {
    @ENV{qw(MOJO_REACTOR MOJO_NO_JSON_XS)} = ('Mojo::Reactor::Poll', 1);
    $ENV{MOJO_NO_TLS} = 1 unless $ENV{MOJO_CA_FILE};
}

use Getopt::Long qw(GetOptions);
use Mojo::Server::Daemon;
use Mojo::URL;

use Sandbox;

GetOptions(
    'listen=s'       => \(my $listen = 'http://127.0.0.1:8081'),
    'api-key=s'      => \(my $key = 'sandbox-key'),
    'api-key-file=s' => \my $key_file,
    'pid-file=s'     => \my $pid_file,
    'stripe-webhook-url=s' => \my $stripe_webhook_url,
    'base=s'         => \my $base,
) or die "usage: see the top of $0\n";

my $url = Mojo::URL->new($listen);
my $host = $url->host // '';
die qq(sandbox: "$listen" is not on loopback\n)
    unless $host =~ /^(?:127(?:\.\d{1,3}){3}|localhost|\[?::1\]?)$/
        && ($url->scheme // '') eq 'http';

if (defined $key_file) {
    open my $fh, '<', $key_file or die "sandbox: $key_file: $!\n";
    chomp($key = <$fh> // '');
}
die "sandbox: the key is empty\n" unless length $key;

my $app = Sandbox->new(api_key => $key, home => Mojo::Home->new($FindBin::Bin),
    defined $stripe_webhook_url
        ? (begins => {stripe_webhook_url => $stripe_webhook_url}) : ());
my $daemon = Mojo::Server::Daemon->new(
    app => $app, listen => ["$url"], silent => 1, max_requests => 1000,
    # longer than a client keeps a connection, or some request meets its end
    inactivity_timeout => 300, keep_alive_timeout => 300, max_clients => 4000,
);
$daemon->start;

# with port 0 in --listen only now known; another, where a proxy stands before it
$app->base($base // 'http://' . ($host eq 'localhost' ? '127.0.0.1' : $host) . ':'
    . $daemon->ports->[0]);
say $app->base;
STDOUT->flush;

if (defined $pid_file) {
    open my $fh, '>', $pid_file or die "sandbox: $pid_file: $!\n";
    say $fh $$;
    close $fh;
}

END { unlink $pid_file if defined $pid_file }

# at once: what hangs by request must not hold it
$SIG{TERM} = $SIG{INT} = sub { exit 0 };
Mojo::IOLoop->start;
