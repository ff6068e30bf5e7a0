#!/usr/bin/perl

# A real Prometheus scrapes a site: all that the dashboard and the rules ask is
# there, under the names and labels by which they ask.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Deliver;
use Tavus::Test::Line;
use Tavus::Test::Process qw($ROOT free_port slurp spawn spew stop_process);
use Mojo::JSON qw(decode_json);

my $FOLDER = "$ROOT/docs/operate/monitor";

my $t = Tavus::Test->new(line_options(
    budget => 'active=9 day=100 minutes=600 line=5',
    http => {tavus_journal => '%%DIR%%/journal'},
    locations => {'= /metrics' => 'tavus_metrics;'}));
Tavus::Test::Deliver->new($t, crm => 'events *;');
$t->start;
wait_ok { $t->get('/healthz')->code == 200 } 'ready';

my $port = free_port();
my $data = $t->dir . '/prometheus';
mkdir $data or die "$data: $!";
spew("$data/prometheus.yml", <<"END");
global: {scrape_interval: 500ms, scrape_timeout: 500ms, evaluation_interval: 1s}
rule_files: [$FOLDER/tavus.rules.yml]
scrape_configs:
  - job_name: tavus
    static_configs: [{targets: ['127.0.0.1:${\ $t->port}']}]
END
my $pid = spawn(['/usr/bin/prometheus', "--config.file=$data/prometheus.yml",
    "--storage.tsdb.path=$data/data", '--log.level=warn',
    "--web.listen-address=127.0.0.1:$port"], out => "$data/log");

# what it answers, or why it does not
sub asked ($path, %form) {
    my $res = $t->ua->get("http://127.0.0.1:$port/api/v1/$path" => form => \%form)
        ->res;
    return $res->json // {error => $res->error ? $res->error->{message} : $res->body};
}

sub series ($query) {
    my $json = asked(query => (query => $query));
    diag "$query: $json->{error}" if $json->{error} && $json->{errorType};
    return (($json->{data} // {})->{result} // [])->@*;
}

wait_ok { series('tavus_workers') } 'it has scraped' or diag slurp("$data/log");

# a short day: counters grow between two looks
my $live = sub {
    is $t->webhook(tavus_event('system.replica_joined', 'c' . rand))->code, 200,
        'a webhook';
    is $t->create->code, 200, 'a conversation';
    is $t->post('/api/track', {events => [{name => 'page_view',
        properties => {session_id => 's'}}]})->code, 202, 'an event';
    is $t->admin('/api/admin/events')->code, 200, 'an administrator';
    is $t->get('/api/admin/events')->code, 401, 'and who is none';
};
$live->();
is $t->webhook('[')->code, 200, 'one that is unfit';

# ---- the dashboard ---------------------------------------------------------

my $board = decode_json(slurp("$FOLDER/dashboard.json"));
my @panels = grep { $_->{type} ne 'row' } $board->{panels}->@*;
is_deeply [map { $_->{title} } grep { $_->{type} eq 'row' } $board->{panels}->@*],
    [qw(Traffic Storing Database Journal Deliveries Budget Limits Nodes)], 'rows';
my @queries = map { my $title = $_->{title}; map { ["$title: $_->{legendFormat}",
    $_->{expr} =~ s/\$instance/.*/gr =~ s/\$__rate_interval/1m/gr,
    $_->{legendFormat}] } $_->{targets}->@* } @panels;

my %empty = map { $_->[0] => $_->[1] } @queries;
wait_for {
    delete @empty{grep { series($empty{$_}) } keys %empty};
    !%empty;
} 60;
for my $case (@queries) {
    my ($name, $query, $legend) = @$case;
    ok !exists $empty{$name}, $name or diag "nothing comes of $query";

    # a label by which a line is named is there
    my ($one) = series($query);
    my @missing = grep { !exists $one->{metric}{$_} }
        $legend =~ /\{\{(\w+)\}\}/g;
    is "@missing", '', "$name: has its labels" if $one;
}

my ($variable) = grep { $_->{name} eq 'instance' }
    $board->{templating}{list}->@*;
my ($metric) = $variable->{query}{query} =~ /^label_values\((\w+), instance\)$/;
ok scalar(series($metric)), 'its variable';

# ---- the rules -------------------------------------------------------------

my @rules;
wait_ok {
    @rules = map { $_->{rules}->@* }
        ((asked('rules')->{data} // {})->{groups} // [])->@*;
    @rules && !grep { $_->{health} eq 'unknown' } @rules;
} 'all rules are looked at';
for my $rule (@rules) {
    is $rule->{health}, 'ok', $rule->{name} or diag $rule->{lastError};

    # what it looks at is there, with these values of labels
    my %label;
    for my $selector ($rule->{query} =~ /\b((?:up\b|tavus_\w+)(?:\{[^}]*\})?)/g) {
        my @found = series($selector);
        fail "$rule->{name}: no $selector" if !@found;
        $label{$_} = 1 for map { keys $_->{metric}->%* } @found;
    }
    my @missing = grep { !$label{$_} }
        $rule->{annotations}{summary} =~ /\$labels\.(\w+)/g;
    is "@missing", '', "$rule->{name}: what it says is known";
}

# ---- what is wrong fires, and nothing else ---------------------------------

my $firing = sub { return join ' ', sort map { $_->{labels}{alertname} }
    grep { $_->{state} eq 'firing' }
    ((asked('alerts')->{data} // {})->{alerts} // [])->@* };
my $seen = '';
wait_ok { ($seen = $firing->()) eq 'TavusQuarantine TavusSandbox' }
    'what is in quarantine, and that all is played' or diag $seen;

ok stop_process($pid, TERM => 20), 'it ends';
done_testing;
