#!/usr/bin/perl

# The sample configuration keeps what usual bodies need in memory: nginx does
# not warn of files for each of them.

use lib 't/lib';
use Mojo::JSON qw(encode_json);
use Tavus::Test;
use Tavus::Test::Site;

my $site = Tavus::Test::Site->new->start;
my $warned = sub { scalar(() = $site->error_log
    =~ /request body is buffered to a temporary file/g) };

# there is no database: what is answered is in the journal
sub webhook {
    my ($bytes) = @_;
    my $body = tavus_event('application.transcription_ready', 'c1',
        {transcript => 'x' x $bytes});
    return $site->request(POST => '/api/tavus/webhook',
        {'Content-Type' => 'application/json',
            sign_header('the-secret-of-this-test', $body)}, $body)->code;
}

is webhook($_), 200, "a webhook of $_ bytes" for 300, 12_000, 100_000;
is $warned->(), 0, 'in memory';

my $body = encode_json({events => [map {
    {name => 'page_view', properties => {session_id => 's1',
        path => 'x' x 2_900}} } 1 .. 20]});
my $res = $site->request(POST => '/api/track',
    {'Content-Type' => 'application/json'}, $body);
is $res->code, 202, 'what a page tells, of ' . length($body) . ' bytes'
    or diag $res->body;
is $warned->(), 0, 'in memory';

is webhook(1_000_000), 200, 'a webhook of 1 MB';
is $warned->(), 1, 'goes through a file, which is said';

$site->done;
done_testing;
