package Tavus::Test::Metrics;

# /metrics, read as strictly as Prometheus would and then some.
#
#   my $m = metrics($t);            checked, by promtool too
#   my $m = metrics_now($t);        the same without, for who looks often
#   $m->('tavus_events_total', source => 'tavus', outcome => 'stored')
#   my ($bad, $value) = parse_metrics($text);

use v5.36;
use Exporter qw(import);

use Tavus::Test::Process qw(slurp spew);
use Test::More ();

our @EXPORT = our @EXPORT_OK = qw(metrics metrics_now parse_metrics);

# HELP, TYPE and samples of a family stand together, once each; a histogram has
# its buckets in order, the last of them its count.
sub parse_metrics ($text) {
    my ($family, $type, %family, %value, %le, @bad);
    push @bad, 'no newline at the end' if $text !~ /\n\z/;
    my $name = qr/[a-zA-Z_:][a-zA-Z0-9_:]*/;
    my $label = qr/[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\"n])*"/;
    for (split /\n/, $text, -1) {
        next if $_ eq '';
        if (/^# HELP ($name) (.+)\z/) {
            push @bad, "again: $_" if $family{$1}++;
            ($family, $type) = ($1, '');
        }
        elsif (/^# TYPE ($name) (counter|gauge|histogram|summary|untyped)\z/) {
            (my $n, my $before, $type) = ($1, $type, $2);
            push @bad, "out of place: $_" if $n ne ($family // '') || $before;
            push @bad, "a counter not _total: $_"
                if $type eq 'counter' && $n !~ /_total\z/;
        }
        elsif (/^($name)(?:\{($label(?:,$label)*)?\})? (\S+)\z/) {
            my ($n, $l, $v) = ($1, $2 // '', $3);
            my $base = ($type // '') eq 'histogram'
                ? $n =~ s/_(?:bucket|sum|count)\z//r : $n;
            push @bad, "out of place: $_" if $base ne ($family // '') || !$type;
            push @bad, "no number: $_"
                if $v !~ /^[+-]?(?:\d+(?:\.\d+)?(?:e[+-]?\d+)?|Inf)\z|^NaN\z/;
            push @bad, "again: $_" if exists $value{$n}{$l};
            $value{$n}{$l} = $v;
            if ($l =~ /^(.*?),?\ble="(.+)"\z/) {
                my ($rest, $le) = ($1, $2 eq '+Inf' ? 9e99 : $2);
                my $last = $le{"$n $rest"} // [-1, 0];
                push @bad, "out of order: $_"
                    if $le <= $last->[0] || $v < $last->[1];
                $le{"$n $rest"} = [$le, $v];
            }
            elsif ($n =~ /^(.*)_count\z/ && $type eq 'histogram') {
                my $last = $le{"$1_bucket $l"} // [0, -1];
                push @bad, "not the last bucket: $_"
                    if $last->[0] != 9e99 || $last->[1] != $v;
            }
        }
        else { push @bad, "what is: $_" }
    }
    return (\@bad, \%value);
}

sub metrics ($t, $path = '/metrics') {
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $res = $t->get($path);
    my ($bad, $value) = parse_metrics($res->body);
    Test::More::is_deeply([$res->code, $res->headers->content_type, @$bad],
        [200, 'text/plain; version=0.0.4'], 'metrics')
        or Test::More::diag($res->to_string);

    my $file = spew($t->dir . '/metrics.txt', $res->body);
    my $said = `promtool check metrics < $file 2>&1`;
    Test::More::is("$? $said", '0 ', 'promtool is content');

    return reader($value);
}

sub metrics_now ($t, $path = '/metrics') {
    my ($bad, $value) = parse_metrics($t->get($path)->body);
    return reader($value);
}

sub reader ($value) {
    return sub ($name, @labels) {
        my @pairs;
        while (my ($k, $v) = splice @labels, 0, 2) { push @pairs, qq($k="$v") }
        return $value->{$name}{join ',', @pairs};
    };
}

1;
