#!/usr/bin/perl

# memcheck

# /alerts: those that are open, then those that are over, in pages, for who has
# a login.

use lib 't/lib';
use Tavus::Test;

my $t = Tavus::Test->new(sandbox => 0)->start;
my ($db, $list) = ($t->db, '/api/admin/alerts');
wait_ok { $t->admin($list)->code == 200 } 'ready';
is_deeply $t->admin($list)->json, {alerts => [], next_cursor => undef}, 'empty';

# nobody looks meanwhile, or these were over
$db->do(q{UPDATE tavus.alert_looks SET looked_at = now(), every = '1 day'});
$db->do(q{INSERT INTO tavus.alerts (kind, subject, text, data, said_at, cleared_at)
    SELECT 'quarantine', n, 'One <b>.', '{"n":1}', now(),
           CASE WHEN n % 2 = 0 THEN now() END FROM generate_series(1, 5) n});

my $page = sub (%query) {
    my $res = $t->admin("$list?" . join '&', map { "$_=$query{$_}" } sort keys %query);
    is $res->code, 200;
    return $res->json;
};
my $subjects = sub (%query) {
    return join ' ', map { $_->{subject} } $page->(%query)->{alerts}->@* };
is $subjects->(), '5 3 1 4 2', 'open ones first';
is $subjects->(state => 'open'), '5 3 1', 'only these';
is $subjects->(state => 'ended'), '4 2', 'or only the others';

my $first = $page->(limit => 2);
is join(' ', map { $_->{subject} } $first->{alerts}->@*), '5 3', 'a page';
is $subjects->(limit => 2, cursor => $first->{next_cursor}), '1 4', 'the next';

my $one = $first->{alerts}[0];
is_deeply [sort keys %$one], [sort qw(id alert subject state text runbook figures
    raised_at said_at seen_at cleared_at times)], 'what is shown';
is_deeply [$one->@{qw(alert state text figures cleared_at times runbook)}],
    ['quarantine', 'open', 'One <b>.', {n => 1}, undef, 1, 'runbook.md#quarantine'];
like $one->{raised_at}, qr/^\d{4}-\d\d-\d\dT[\d:.]+Z\z/;

for my $bad (qw(state=x state=OPEN limit=0 limit=201 cursor=x cursor=0)) {
    my $res = $t->admin("$list?$bad");
    is_deeply [$res->code, $res->json->@{qw(code parameter)}],
        [400, 'invalid_parameter', $bad =~ /^(\w+)/], $bad;
}
is $t->admin("$list?kind=x")->json->{code}, 'unknown_parameter';
is $t->get($list)->code, 401, 'not without a login';
is $t->request($_ => $list, undef, $t->admin_headers)->code, 405, $_
    for qw(POST PATCH DELETE);

# ---- what cannot be looked at is said, and harms nothing else
$db->do('ALTER FUNCTION tavus.alerts_look RENAME TO hidden');
wait_ok { $t->grep_log(qr/\[error\].* database could not look for alerts: function/) }
    'a fault is said';
is $subjects->(limit => 1), '5', 'the rest goes on';
$db->do('ALTER FUNCTION tavus.hidden RENAME TO alerts_look');

$t->pg->stop;
wait_ok { $t->admin($list)->code == 503 } 'no database: 503';

done_testing;
