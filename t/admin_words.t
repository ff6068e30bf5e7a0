#!/usr/bin/perl

# memcheck

# /conversations?q=: conversations by what was said in them, seconds after it
# was said; each word of a transcript finds its own; what is looked for is in no
# trail; what is erased is found no more; and after a crash it goes on.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Erase;
use Mojo::JSON qw(encode_json true);
use Mojo::Util qw(encode url_escape);

my $t = Tavus::Test->new->start;
my $db = $t->db;
wait_ok { $t->get('/healthz')->code == 200 } 'ready';

sub search {
    my ($q, $more) = @_;
    return $t->admin('/api/admin/conversations?q='
        . url_escape(encode('UTF-8', $q), '^A-Za-z0-9._~-') . ($more // ''));
}

sub ids {
    my $res = search(@_);
    is $res->code, 200 or diag $res->to_string;
    return join ' ', map { $_->{id} } $res->json->{conversations}->@*;
}

sub said {
    my ($id, @rows) = @_;
    my $n = 0;
    return $t->webhook(tavus_event('application.transcription_ready', $id,
        {transcript => [map { +{role => $n++ % 2 ? 'replica' : 'user',
            content => $_} } @rows]}))->code;
}

# ---- as Tavus sends them
my %said = (
    legal => ['Guten Tag, was kostet eine Beratung in München?',
        'The first one is free, Ms. Walrus.', "It's urgent: jo\@example.com"],
    healthcare => ['料金はいくらですか。', 'それは無料です。', 'I see'],
    general => ['Is the price 49.90 €?', 'It is.', 'OK ' . 'so ' x 3000],
);
my %id;
for my $vertical (sort keys %said) {
    $id{$vertical} = $t->create(vertical => $vertical)->json->{conversation_id};
    is said($id{$vertical}, $said{$vertical}->@*), 200, "said: $vertical";
}
is $t->webhook(tavus_event('application.perception_analysis', $id{general},
    {analysis => 'A visitor in a <b>yellow</b> jacket.'}))->code, 200, 'seen';
wait_ok { $db->selectrow_array(q{SELECT count(*) FROM tavus.talks
    WHERE transcript_id IS NOT NULL OR perception_id IS NOT NULL}) == 3
    && $db->selectrow_array(q{SELECT count(*) FROM tavus.talks
        WHERE perception_id IS NOT NULL}) } 'all is read';

is ids('beratung'), $id{legal}, 'a word';
is ids('MÜNCHEN "is free"'), $id{legal}, 'and what another said, in its order';
is ids('price yellow'), $id{general}, 'of what was said and seen';
is ids('bera*'), $id{legal}, 'the beginning of a word';
is ids('*ratun*'), $id{legal}, 'what is in one';
is ids('無料'), $id{healthcare}, 'where no space is';
is ids('beratung', '&vertical=general'), '', 'of a vertical';
is ids('beratung', '&status=ended&to=' . now_iso(-3600)), '', 'of a time';
is ids('is', '&limit=1&status=ended'), $id{legal}, 'a page';
is_deeply search('yellow')->json->{conversations}[0]{found},
    {in => 'perception', before => 'A visitor in a <b>', match => 'yellow',
        after => '</b> jacket.'}, 'where: as plain text';
is_deeply search('walrus')->json->{conversations}[0]{found},
    {in => 'transcript', role => 'assistant', n => 1, match => 'Walrus',
        before => 'The first one is free, Ms. ', after => '.'}, 'by whom';

my %missing;
for my $vertical (sort keys %said) {
    my %word = map { lc $_ => 1 } map { /[\p{L}\p{N}]+/g } $said{$vertical}->@*;
    for my $word (sort keys %word) {
        my %found = map { $_->{id} => 1 }
            search($word, '&limit=200')->json->{conversations}->@*;
        $missing{$word} = 1 unless $found{$id{$vertical}};
    }
}
is_deeply \%missing, {}, 'each word of each finds it';

# ---- what nobody can have said
for my $q ('nobody', "' OR true --", '%', '*', '"', '\\', '*' x 200,
    '(' x 200, 'a*b*c', '[[:alpha:]]', join(' ', map { "*$_" } 'a' .. 'z'),
    "\x{202e}", "\x{1f600}", 'x' x 200)
{
    my $res = search($q);
    is $res->code, 200, 'asked: ' . url_escape(encode 'UTF-8', $q)
        or diag $res->to_string;
    is_deeply $res->json->{conversations}, [], 'nobody' if $q !~ /^\*a \*b/;
}
my $res = search('x' x 201);
is_deeply [$res->code, $res->json->@{qw(code parameter)}],
    [400, 'invalid_parameter', 'q'], 'too long';
is $t->admin('/api/admin/conversations?q=%ff')->code, 400, 'no text';
is $t->admin('/api/admin/conversations?q=a%00b')->code, 400, 'a null';
$res = search('is', '&cursor=x');
is_deeply [$res->code, $res->json->{parameter}], [400, 'cursor'], 'no cursor';

# ---- the trail
is_deeply $db->selectcol_arrayref(q{SELECT DISTINCT
        (convert_from(body, 'UTF8')::jsonb #> '{object,q}')::text
      FROM tavus.events WHERE event_type = 'admin.viewed'}), ['true'],
    'what was looked for is in no trail';

# ---- a crash of the database
$t->pg->kill;
$t->pg->start;
wait_ok { said($id{general}, 'after the crash') == 200 } 'after a crash';
wait_ok { search('crash')->code == 200 && ids('crash') eq $id{general} }
    'it reads on';
$db = $t->db;

# ---- erased
erased($t, "conversations/$id{legal}");
is ids('walrus'), '', 'what was erased is found no more';
is_deeply [found($t, 'Walrus'), found($t, 'walrus')], [], 'and is nowhere';
is said($id{legal}, 'the walrus again'), 200, 'what comes late';
is said($id{healthcare}, 'something new'), 200, 'and another';
wait_ok { ids('something') eq $id{healthcare} } 'which is read';
is ids('walrus'), '', 'stays away';

done_testing;
