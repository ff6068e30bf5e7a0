package Tavus::Test::Line;

# A site with a budget and a waiting line, and visitors from many addresses.
#
#   my $t = line_test(budget => 'active=1 line=20', hold => '2s', %options);
#   my $res = come($t, 7, vertical => 'legal');     visitor 7 wants to talk
#   my $json = talks($t, 1);                        gets a place, there is one
#   my $ticket = wait_in_line($t, 7);               and has to wait
#   my $res = ask($t, 7, $ticket);                  asks once: may be held
#   my $p = ask_p($t, 7, $ticket);                  the same, a promise
#   my $json = served($t, 7, $ticket);              asks until it is served
#   leave($t, $res->json);                          ends the conversation
#   looks($t)                                       {function => calls} so far
#
# A visitor's number is an address behind a proxy; headers may follow the
# ticket.

use v5.36;
use Carp qw(croak);
use Exporter qw(import);
use Mojo::IOLoop;

use Tavus::Test ();
use Tavus::Test::Process qw(wait_for);

our @EXPORT = qw(address ask ask_p come leave line_options line_test looks
    served talks wait_in_line);

my $QUEUE = '/api/tavus/queue';

sub line_options (%opt) {
    my $budget = delete $opt{budget} // 'active=1 line=20';
    my $hold = delete $opt{hold} // '2s';
    my $http = delete $opt{http} // {};
    my $locations = delete $opt{locations} // {};

    return (%opt,
        http => {
            tavus_budget => $budget,
            set_real_ip_from => '127.0.0.1',
            real_ip_header => 'X-Real-IP',
            %$http,
        },
        locations => {
            "= $QUEUE" => 'error_page 400 408 413 414 502 503 504 /.problem; '
                . "tavus_queue hold=$hold;",
            %$locations,
        });
}

sub line_test (%opt) {
    return Tavus::Test->new(line_options(%opt))->start;
}

sub address ($n) { return sprintf '10.%d.%d.%d', $n >> 16, $n >> 8 & 255, $n & 255 }

sub come ($t, $n, %wish) {
    return $t->post('/api/tavus/create-conversation', \%wish,
        {'X-Real-IP' => address($n)});
}

# A server that has just begun may not have a session yet.
sub talks ($t, $n, %wish) {
    my $res;
    wait_for { ($res = come($t, $n, %wish))->code != 503 } 30;
    croak "visitor $n does not talk: " . $res->code . ' ' . $res->body
        if $res->code != 200;
    return $res->json;
}

sub wait_in_line ($t, $n, %wish) {
    my $res = come($t, $n, %wish);
    croak "visitor $n does not wait: " . $res->code . ' ' . $res->body
        if $res->code != 202;
    return $res->json->{ticket};
}

sub ask_p ($t, $n, $ticket, %headers) {
    return $t->ua->post_p($t->url($QUEUE),
        {'X-Real-IP' => address($n), %headers}, json => {ticket => $ticket})
        ->then(sub ($tx) { $tx->result });
}

sub ask ($t, $n, $ticket, %headers) {
    return $t->post($QUEUE, {ticket => $ticket},
        {'X-Real-IP' => address($n), %headers});
}

# What it is told that is not "pending".
sub served ($t, $n, $ticket, $seconds = 30) {
    my $res;
    wait_for { ($res = ask($t, $n, $ticket))->code != 202 } $seconds;
    return $res;
}

sub leave ($t, $json) {
    return $t->post('/api/tavus/end-conversation',
        {map { $_ => $json->{$_} } qw(conversation_id end_token)});
}

# Needs config => ['track_functions=all'] of PostgreSQL.
sub looks ($t) {
    my $rows = $t->db->selectall_arrayref(q{SELECT funcname, calls
        FROM pg_stat_user_functions WHERE schemaname = 'tavus'});
    return {map { $_->@* } @$rows};
}

1;
