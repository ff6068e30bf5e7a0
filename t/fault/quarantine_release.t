#!/usr/bin/perl

# What is in quarantine is released, deleted and erased by several at once, while
# workers and sessions are killed and its sender comes again: each becomes one
# event or none, and is in one place; each change has its trail.

use lib 't/lib';
use Tavus::Test;
use Mojo::Promise;

my $t = Tavus::Test->new(workers => 2, sandbox => 0, http => {
    tavus_journal => '%%DIR%%/journal'})->start;
$t->allow_alerts(qr/exited on signal 9/);
my $db = $t->db;
my %json = ($t->admin_headers->%*, 'Content-Type' => 'application/json',
    Connection => 'close');
wait_ok { $t->admin('/api/admin/alerts')->code == 200 } 'ready';

sub body ($call) { return tavus_event('y' x 201, $call) }
sub ids ($like) {
    return $db->selectall_arrayref(q{SELECT seq, conversation_id FROM tavus.quarantine
        WHERE conversation_id LIKE ? ORDER BY seq}, {}, $like)->@*;
}
sub catch (@call) {
    my %body = map { $_ => body($_) } @call;
    is $t->webhook($body{$_})->code, 200 for @call;
    wait_ok { @call == $db->selectrow_array(q{SELECT count(*) FROM tavus.quarantine
        WHERE conversation_id = ANY (?)}, {}, \@call) } 'in quarantine';
    return %body;
}
sub release_p ($id) {
    return $t->ua->post_p($t->url("/api/admin/quarantine/$id/release"), {%json}, '{}');
}
sub remove_p ($id) {
    return $t->ua->delete_p($t->url("/api/admin/quarantine/$id"), {%json});
}
sub codes (@got) {
    return join ' ', sort map { $_->{status} eq 'fulfilled'
        ? $_->{value}[0]->res->code : 'lost' } @got;
}
sub all_of (@promises) {
    my $codes;
    Mojo::Promise->all_settled(@promises)->then(sub { $codes = codes(@_) })->wait;
    return $codes;
}
# how often it is stored, and kept
sub places ($call) {
    return join ' ', map { $db->selectrow_array("SELECT count(*) FROM tavus.$_
        WHERE conversation_id = ?", {}, $call) } qw(events quarantine);
}
sub told ($type, $outcome) {
    return $db->selectrow_array(q{SELECT count(*) FROM tavus.events WHERE event_type = ?
        AND convert_from(body, 'UTF8')::json ->> 'outcome' = ?}, {}, $type, $outcome);
}

subtest 'two at once' => sub {
    catch(map { "two-$_" } 1 .. 5);
    for (ids('two-%')) {
        my ($id, $call) = @$_;
        is all_of(map { release_p($id) } 1 .. 4), '200 404 404 404', 'one of them does';
        is places($call), '1 0', 'once';
    }
    is told('admin.quarantine_released', 'done'), 5, 'as the trail says';
    done_testing;
};

subtest 'one releases, one deletes' => sub {
    catch(map { "either-$_" } 1 .. 8);
    for (ids('either-%')) {
        my ($id, $call) = @$_;
        is all_of(release_p($id), remove_p($id)), '200 404', 'one of them does';
        like places($call), qr/^[01] 0\z/;
    }
    is $db->selectrow_array(q{SELECT count(*) FROM tavus.events
        WHERE conversation_id LIKE 'either-%'}) + told('admin.quarantine_deleted', 'done'),
        8, 'each is an event, or deleted';
    done_testing;
};

# two of its sender meet a release: it is stored once, or kept for one more
subtest 'the sender comes again' => sub {
    my %body = catch(map { "again-$_" } 1 .. 8);
    for (ids('again-%')) {
        my ($id, $call) = @$_;
        my @sent = map { $t->ua->post_p($t->url('/api/tavus/webhook'),
            {sign_header($t->webhook_secret, $body{$call})}, $body{$call}) } 1 .. 2;
        is all_of(release_p($id), @sent), '200 200 200', 'all are answered';
        like places($call), qr/^1 [01]\z/;
    }
    for (ids('again-%')) {
        my ($id, $call) = @$_;
        is all_of(release_p($id)), '200';
        is places($call), '1 0', 'which is known then';
    }
    done_testing;
};

subtest 'killed in between' => sub {
    catch(map { "kill-$_" } 1 .. 40);
    my $round = 0;
    wait_ok {
        my @left = ids('kill-%') or return 1;
        my $timer = Mojo::IOLoop->timer(0.004 * ($round % 6) => sub {
            return if $round > 12;
            $round % 2 ? $t->kill_worker('KILL')
                : $db->do(q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                    WHERE usename = 'tavus_app'});
        });
        all_of(map { release_p($_->[0]) } grep { defined } @left[0 .. 5]);
        Mojo::IOLoop->remove($timer);
        $round++;
        wait_for { $t->admin('/api/admin/alerts')->code == 200 } 20;
        0;
    } 'all are released', 120;
    my @odd = grep { places($_) ne '1 0' } map { "kill-$_" } 1 .. 40;
    is_deeply \@odd, [], 'once each';
    is $db->selectrow_array(q{SELECT count(DISTINCT convert_from(body, 'UTF8')::json
        #>> '{object,quarantine_id}') FROM tavus.events
        WHERE event_type = 'admin.quarantine_released'
          AND convert_from(body, 'UTF8')::json ->> 'outcome' = 'done'}),
        $db->selectrow_array(q{SELECT count(*) FROM tavus.events
        WHERE event_type = 'admin.quarantine_released'
          AND convert_from(body, 'UTF8')::json ->> 'outcome' = 'done'}),
        'no release is told of twice';
    done_testing;
};

subtest 'erased at once' => sub {
    catch(map { "erase-$_" } 1 .. 8);
    for (ids('erase-%')) {
        my ($id, $call) = @$_;
        my $codes = all_of($t->ua->delete_p(
            $t->url("/api/admin/conversations/$call"), {%json}), release_p($id));
        unlike $codes, qr/5\d\d|lost/, "answered: $codes";
    }
    wait_ok { $db->selectrow_array(q{SELECT count(*) FROM tavus.erasures
        WHERE state IN ('finding', 'deleting')}) == 0 } 'all is erased', 60;
    my @odd = grep { places($_) ne '0 0' } map { "erase-$_" } 1 .. 8;
    is_deeply \@odd, [], 'nothing of it is anywhere';
    done_testing;
};

subtest 'without PostgreSQL' => sub {
    catch('down-1');
    my ($id) = (ids('down-%'))[0]->@*;
    $t->pg->stop;
    is all_of(release_p($id)), '503', 'not now';
    is all_of(remove_p($id)), '503';
    $t->pg->start;
    $db = $t->db;
    is places('down-1'), '0 1', 'it is where it was';
    wait_ok { all_of(release_p($id)) eq '200' } 'later';
    is places('down-1'), '1 0';
    done_testing;
};

done_testing;
