package Tavus::Test::Repair;

# Conversations whose callbacks are lost, and what becomes of them.
#
#   my $t = repair_test(%options);  a site that repairs, as Tavus::Test->new()
#   my @callbacks = talk($t, lost => 1);    a conversation, made, held and
#                                   ended; the bodies that Tavus has sent, and
#                                   with lost => 1 nobody took
#   lost($t, $n)                    the ids of so many such conversations
#   due($t);                        all that may be asked about are, at once
#   ask($t, @ids)                   these are, in this order, and no others
#   row($t, $id, $columns)          of a conversation
#   whole($t, $id);                 nothing of a conversation is missing
#   fetched($t, $id);               the verbose GETs
#   events($t);                     "conversation type id" of Tavus's, sorted

use v5.36;
use Carp qw(croak);
use Exporter qw(import);

use Tavus::Test ();
use Tavus::Test::Process qw(spew wait_for);

our @EXPORT = qw(repair_test lose talk lost due ask row whole fetched events);

sub repair_test (%opt) {
    my %http = (tavus_repair => 'rate=10r/s', ($opt{http} // {})->%*);
    my %locations = ('= /api/tavus/webhook' => 'client_max_body_size 8m; '
        . 'if (-f %%DIR%%/lost) { return 200; } tavus_webhook tavus;',
        ($opt{locations} // {})->%*);
    my $t = Tavus::Test->new(%opt, http => \%http, locations => \%locations)
        ->start;
    wait_for { $t->get('/healthz')->code == 200 } 20
        or croak 'not ready';
    # what is told on a canvas is not repeated
    $t->sandbox->config(story => 'plain', twins => 0) if $t->sandbox;
    return $t;
}

# Whether callbacks are lost from now on: answered, and taken by nobody.
sub lose ($t, $lost) {
    my $file = $t->dir . '/lost';
    $lost ? spew($file, '') : unlink $file;
    return;
}

sub talk ($t, %opt) {
    my $c = $t->create->json;
    my $id = $c->{conversation_id} // croak 'no conversation';
    lose($t, $opt{lost});
    $t->ua->get($c->{conversation_url});
    $t->ua->post($t->sandbox->url . "/room/$id/end");
    my @sent;
    wait_for {
        @sent = grep { $_->{conversation_id} eq $id } $t->sandbox->callbacks;
        grep { $_->{body}{event_type} eq 'application.perception_analysis'
            && $_->{status} } @sent;
    } 20 or croak 'the callbacks do not come';
    lose($t, 0);
    return map { $_->{body} } @sent;
}

sub lost ($t, $n) {
    return map { (talk($t, lost => 1))[0]{conversation_id} } 1 .. $n;
}

sub ask ($t, @id) {
    my $db = $t->db;
    $db->do('UPDATE tavus.conversations SET repair_at = NULL');
    $db->do('UPDATE tavus.repair_pace SET paused_until = now()');
    $db->do(q{UPDATE tavus.conversations SET repair_at = now()
        - interval '1 second' * ? WHERE id = ?}, undef, @id - $_, $id[$_])
        for 0 .. $#id;
    return;
}

sub row ($t, $id, $what) {
    return $t->db->selectrow_array("SELECT $what FROM tavus.conversations
        WHERE id = ?", undef, $id);
}

sub due ($t) {
    $t->db->do(q{UPDATE tavus.conversations SET repair_at = now()
        WHERE repair_at IS NOT NULL});
    return;
}

sub whole ($t, $id) {
    return $t->db->selectrow_array(q{SELECT started_id IS NOT NULL
        AND shutdown_id IS NOT NULL AND transcript_id IS NOT NULL
        AND perception_id IS NOT NULL AND repair_at IS NULL
        FROM tavus.conversations WHERE id = ?}, undef, $id);
}

sub fetched ($t, $id) {
    return grep { $_->{query} =~ /verbose=true/ && $_->{path} =~ m{/\Q$id\E\z} }
        $t->sandbox->calls('/v2/conversations/');
}

sub events ($t) {
    return $t->db->selectcol_arrayref(q{SELECT conversation_id || ' '
        || event_type || ' ' || id FROM tavus.events WHERE source = 'tavus'
        ORDER BY 1});
}

1;
