#!/usr/bin/perl

# Tavus takes codes, or full English names alone: whichever it is told in, a
# visitor and a vertical may say both.

use lib 't/lib';
use Tavus::Test;

sub site {
    my (@names) = @_;
    return Tavus::Test->new(http => {@names, tavus_vertical => [
        'general { persona_id p01; }',
        'legal { persona_id p02; language pt-BR; }',
        'ecommerce { persona_id p03; language multilingual; }',
    ]})->start;
}

# What Tavus is asked for: "es" for a list of codes, '"spanish"' for a name.
sub language {
    my ($t, $vertical, $language, $field) = @_;
    $t->sandbox->forget;
    my $res = $t->create(vertical => $vertical, defined $language
        ? (properties => {$field // 'language' => $language}) : ());
    return join ' ', $res->code, map { $_ // '' } $res->json->@{qw(code field)}
        if $res->code != 200;
    my ($call) = $t->sandbox->calls('/v2/');
    my ($p) = $call->{body}{properties};
    return undef unless grep { exists $p->{$_} } qw(language languages);
    return exists $p->{languages} ? "@{$p->{languages}}"
        : qq("$p->{language}");
}

my $t = site();

# ---- codes, today
my %code = (en => 'en', DE => 'de', es => 'es', he => 'he', english => 'en',
    Spanish => 'es', GEORGIAN => 'ka', tagalog => 'tl', Filipino => 'tl',
    'pt-BR' => 'pt-BR', 'fr-ca' => 'fr-CA', 'zh-HK' => 'zh', 'es-419' => 'es',
    'en-US' => 'en');
is language($t, general => $_), $code{$_}, "$_ is $code{$_}"
    for sort keys %code;

is language($t, general => 'multilingual'), '"multilingual"',
    'what no code is documented for';
is language($t, 'ecommerce'), '"multilingual"', 'from a vertical as well';

is language($t, 'general'), undef, 'none, none sent';
is language($t, 'legal'), 'pt-BR', "the vertical's own";
is language($t, legal => 'fr'), 'fr', 'unless the visitor asks for another';

is language($t, legal => [$_], 'languages'), $code{$_}, "a list of $_"
    for 'DE', 'pt-BR', 'Spanish';

is_deeply [$t->db->selectrow_array(q{SELECT
    convert_from(body, 'UTF8')::jsonb ->> 'language' FROM tavus.events
    WHERE event_type = 'conversation.created' ORDER BY id DESC LIMIT 1})],
    ['spanish'], 'recorded with its name';

is language($t, general => $_), '400 unknown_language properties.language',
    "not \"$_\"" for 'xx', 'e', 'en_US', 'klingon', 'englis', 'english ', '',
    'deu', "german\n", 'english-US', 'x' x 300;
is language($t, general => $_), '400 unknown_language properties.language',
    'nor what is no text' for ['en'], {}, 1;
is language($t, general => $_, 'languages'),
    '400 invalid_field properties.languages', 'not a list of one'
    for [], ['en', 'de'], 'en', {};
is language($t, general => $_, 'languages'),
    '400 unknown_language properties.languages', 'a list of none of them'
    for ['xx'], [1], [['en']];

my $both = $t->create(properties => {language => 'en', languages => ['en']});
is $both->code, 400;
is $both->json->{code}, 'conflicting_fields', 'both names of one thing';
like $both->json->{field}, qr/^properties\.languages?\z/;

# ---- names, as it was
my $old = site(tavus_api_names => 'legacy');
my %name = (en => 'english', DE => 'german', 'pt-BR' => 'portuguese',
    Georgian => 'georgian', fil => 'tagalog', multilingual => 'multilingual');
is language($old, general => $_), qq("$name{$_}"), "$_ is $name{$_}"
    for sort keys %name;
is language($old, 'legal'), '"portuguese"', "the vertical's own";
is language($old, general => ['de'], 'languages'), '"german"', 'from a list';

done_testing;
