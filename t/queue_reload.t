#!/usr/bin/perl

# A reload, and a killed worker, while visitors wait: those that are held are told
# at once that they wait, the old workers go, and the order stays.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Line;
use Mojo::IOLoop;
use Time::HiRes qw(time);

my $t = line_test(budget => 'active=1 line=20', hold => '20s', workers => 2);
my ($box, $db) = ($t->sandbox, $t->db);

my $talking = talks($t, 1);
my @line = 2 .. 7;
my %ticket = map { $_ => wait_in_line($t, $_) } @line;

my %answer;
sub held {
    %answer = ();
    for my $n (@line) {
        ask_p($t, $n, $ticket{$n})->then(sub ($res) { $answer{$n} = $res })
            ->catch(sub ($error) { $answer{$n} = $error });
    }
    # they are held when a look has told of their place
    Mojo::IOLoop->timer(3 => sub { Mojo::IOLoop->stop });
    Mojo::IOLoop->start;
    return !keys %answer;
}

ok held(), 'they are held';
my $began = time;
$t->reload;
wait_ok { Mojo::IOLoop->one_tick; keys %answer == @line } 'all are told';
cmp_ok time - $began, '<', 10, 'long before their time';
is_deeply [map { $answer{$_}->code } @line], [(202) x @line], 'that they wait';
is_deeply [map { $answer{$_}->json->{position} } @line], [1 .. @line],
    'and where';
wait_ok { $t->all_workers == 2 } 'the old workers go';

ok held(), 'they ask again, and are held';
$t->kill_worker;
wait_ok { Mojo::IOLoop->one_tick; $t->workers == 2 } 'a worker is killed';
leave($t, $talking);
my @served;
for my $n (@line) {
    my $res = served($t, $n, $ticket{$n});
    is $res->code, 200, "$n is served" or diag $res->body;
    push @served, $res->json->{conversation_id} // '';
    leave($t, $res->json);
}
is scalar(keys %{{map { $_ => 1 } @served}}), @line, 'each with their own';
is $db->selectrow_array('SELECT count(*) FROM tavus.conversations'), 1 + @line,
    'and there are no others';

# ---- with a conversation under way
$talking = talks($t, 1);
my $ticket = wait_in_line($t, 20);
$box->forget;
$box->fault(kind => 'delay', ms => 3000, times => 1,
        holds => 'conversation_name');
my $res;
ask_p($t, 20, $ticket)->then(sub ($tx) { $res = $tx })
    ->catch(sub ($error) { $res = $error });
leave($t, $talking);
wait_ok { Mojo::IOLoop->one_tick;
    grep { $_->{path} eq '/v2/conversations' } $box->calls('/v2/') }
    'the turn has come';
$t->reload;
wait_ok { Mojo::IOLoop->one_tick; $res } 'the old worker answers';
is $res->code, 200, 'with the conversation';

done_testing;
