#!/usr/bin/perl

# /metrics in the text format 0.0.4 of Prometheus.

use lib 't/lib';
use Tavus::Test;

my $long = 'z' x 63;
my $t = Tavus::Test->new(
    http => {tavus_limit_zone => [
        '$binary_remote_addr zone=create:1m rate=1000r/s capacity=10000',
        'all zone=site:64k rate=1r/m capacity=3',
        map({ "all zone=$long$_:64k rate=1r/s capacity=1" } 1 .. 6),
    ]},
    locations => {
        '= /metrics' => 'tavus_metrics; allow 127.0.0.1; deny all;',
        '= /limited' => 'tavus_limit zone=site; empty_gif;',
    },
)->start;

# Strictly: HELP, TYPE and samples of a family stand together, once each.
sub parse {
    my ($text) = @_;
    my ($family, %family, %value, @bad);
    push @bad, 'no newline at the end' if $text !~ /\n\z/;
    my $name = qr/[a-zA-Z_:][a-zA-Z0-9_:]*/;
    my $label = qr/[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\"n])*"/;
    for (split /\n/, $text, -1) {
        next if $_ eq '';
        if (/^# HELP ($name) (.+)\z/) {
            push @bad, "again: $_" if $family{$1}++;
            $family = $1;
            $value{$family} = undef;
        }
        elsif (/^# TYPE ($name) (counter|gauge|histogram|summary|untyped)\z/) {
            push @bad, "out of place: $_" if $1 ne ($family // '');
            push @bad, "a counter not _total: $_"
                if $2 eq 'counter' && $1 !~ /_total\z/;
            $value{$family} //= {};
        }
        elsif (/^($name)(?:\{($label(?:,$label)*)?\})? (\S+)\z/) {
            my ($n, $l, $v) = ($1, $2 // '', $3);
            push @bad, "out of place: $_"
                if $n ne ($family // '') || !ref $value{$family};
            push @bad, "no number: $_"
                if $v !~ /^[+-]?(?:\d+(?:\.\d+)?(?:e[+-]?\d+)?|Inf)\z|^NaN\z/;
            push @bad, "again: $_" if exists $value{$n}{$l};
            $value{$n}{$l} = $v;
        }
        else { push @bad, "what is: $_" }
    }
    return (\@bad, \%value);
}

sub metrics {
    my $res = $t->get('/metrics');
    is $res->code, 200;
    like $res->headers->content_type, qr{^text/plain; version=0\.0\.4};
    my ($bad, $value) = parse($res->body);
    is_deeply $bad, [], 'well-formed' or diag $res->body;
    if (-x '/usr/bin/promtool') {
        open my $out, '|-', 'promtool check metrics' or die $!;
        print $out $res->body;
        ok close $out, 'promtool';
    }
    return $value;
}

my ($bad) = parse("# HELP a b\n# TYPE a gauge\na 1\na 1\nb 2\n# TYPE a x\nc d");
is scalar @$bad, 6, 'the parser is strict' or diag explain $bad;

my $v = metrics();
is $v->{tavus_sandbox}{''}, 1, 'a sandbox shows';
my $zone = sub { $v->{tavus_limit_requests_total}
    {qq(zone="$_[0]",result="$_[1]")} };
is $zone->(site => 'passed'), 0;
is $zone->("${long}6", 'passed'), 0, 'every zone, whatever its name';

is $t->get('/limited')->code, $_ < 3 ? 200 : 429 for 0 .. 4;
$v = metrics();
is $zone->(site => 'passed'), 3, 'passed';
is $zone->(site => 'rejected'), 2, 'rejected';
is $zone->(create => 'passed'), 0, "others' are others'";

is $t->request(HEAD => '/metrics')->code, 200, 'HEAD';
is $t->post('/metrics', '')->code, 405, 'POST';

# in production it is said as well
$t->configure(http => {tavus_sandbox => 'off', tavus_api_key => undef,
    tavus_api_url => undef}, locations => {
    '= /api/tavus/create-conversation' => undef,
    '= /api/tavus/end-conversation' => undef})->reload(drained => 1);
is metrics()->{tavus_sandbox}{''}, 0, 'no sandbox';

done_testing;
