#!/usr/bin/perl

# Without a database nothing begins, and what has begun is ended.

use lib 't/lib';
use Tavus::Test;

my $t = Tavus::Test->new(http => {tavus_store_timeout => '300ms'})->start;
my ($box, $db) = ($t->sandbox, $t->db);

sub unavailable {
    my ($res, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is_deeply [$res->code, $res->json->@{qw(code retry_after)},
        $res->headers->header('Retry-After')],
        [503, 'storage_unavailable', 10, 10], $name or diag $res->to_string;
    unlike $res->body, qr/sql|postgres|libpq|socket|server closed/i,
        'which says no more';
}

is $t->create->code, 200;

subtest 'frozen' => sub {
    $box->forget;
    $t->pg->freeze;
    unavailable($t->create, 'frozen');
    is $t->get('/')->code, 200, 'files are served';
    is $t->create(vertical => 'no')->code, 400, 'and bad requests refused';
    $t->pg->thaw;
    is scalar $box->calls('/v2/'), 0, 'Tavus was not asked';
    # what was on its way may be stored now, but begins nothing
    wait_ok { $t->create->code == 200 } 'again';
    is scalar(grep { $_->{path} eq '/v2/conversations' } $box->calls('/v2/')),
        1, 'Tavus is asked for the new one alone';
    done_testing;
};

subtest 'stopped' => sub {
    $box->forget;
    undef $db;
    $t->pg->stop;
    unavailable($t->create, 'stopped');
    unavailable($t->create, 'and again');
    is scalar $box->calls('/v2/'), 0, 'Tavus was not asked';
    $t->pg->start;
    wait_ok { $t->create->code == 200 } 'back';
    $db = $t->db;
    done_testing;
};

subtest 'dies between request and answer' => sub {
    $box->forget;
    my $before = $db->selectrow_array('SELECT count(*) FROM tavus.intents');
    $box->fault(kind => 'delay', ms => 2000, times => 1);
    my $s = $t->socket;
    $s->send("POST /api/tavus/create-conversation HTTP/1.1\r\nHost: x\r\n"
        . "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}");
    wait_ok { $box->calls('/v2/') } 'Tavus is asked';
    undef $db;
    $t->pg->kill;

    my $res = $s->response;
    is $res->{status}, 503;
    like $res->{body}, qr/"code":"storage_unavailable"/;
    is $res->{headers}{'retry-after'}, 10;
    unlike $res->{body}, qr/conversation_url|end_token/;

    wait_ok { grep { $_->{path} =~ m{/end\z} } $box->calls('/v2/') }
        'ended at Tavus';
    my @calls = $box->calls('/v2/');
    is scalar(grep { $_->{path} eq '/v2/conversations' } @calls), 1;
    is scalar(grep { $_->{path} =~ m{/end\z} } @calls), 1, 'once';

    $t->pg->start;
    $db = $t->db;
    is $db->selectrow_array('SELECT count(*) FROM tavus.intents'),
        $before + 1, 'the intent is on record';
    wait_ok { $t->create->code == 200 } 'back';
    done_testing;
};

subtest 'refuses the record' => sub {
    # a commit that fails, as with a full disk
    $box->forget;
    $box->fault(kind => 'delay', ms => 2000, times => 1, after => 1);
    my $s = $t->socket;
    $s->send("POST /api/tavus/create-conversation HTTP/1.1\r\nHost: x\r\n"
        . "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}");
    wait_ok { $box->calls('/v2/') } 'Tavus is asked';
    $db->do(q{CREATE FUNCTION public.no() RETURNS trigger LANGUAGE plpgsql AS
        $$BEGIN RAISE 'disk full' USING ERRCODE = '53100'; END$$});
    $db->do(q{CREATE TRIGGER no BEFORE INSERT ON tavus.conversations
        FOR EACH ROW EXECUTE FUNCTION public.no()});
    my $res = $s->response;
    is $res->{status}, 503;
    unlike $res->{body}, qr/disk|53100/;
    wait_ok { grep { $_->{path} =~ m{/end\z} } $box->calls('/v2/') }
        'ended at Tavus';
    like $t->error_log, qr/database refused \d+ events: 53100/, 'in the log';
    $db->do('DROP TRIGGER no ON tavus.conversations');
    is $t->create->code, 200, 'and on';
    done_testing;
};

done_testing;
