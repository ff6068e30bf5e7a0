#!/usr/bin/perl

# Tavus takes full English names alone.

use lib 't/lib';
use Tavus::Test;

my $t = Tavus::Test->new(http => {tavus_vertical => [
    'general { persona_id p01; }',
    'legal { persona_id p02; language german; }',
]})->start;

sub language {
    my ($vertical, $language) = @_;
    $t->sandbox->forget;
    my $res = $t->create(vertical => $vertical,
        defined $language ? (properties => {language => $language}) : ());
    return $res->code . ' ' . ($res->json->{code} // '') if $res->code != 200;
    my ($call) = $t->sandbox->calls('/v2/');
    return $call->{body}{properties}{language};
}

my %full = (en => 'english', de => 'german', es => 'spanish', sv => 'swedish',
    zh => 'chinese', ja => 'japanese', pt => 'portuguese', DE => 'german');
is language(general => $_), $full{$_}, "$_ is $full{$_}" for sort keys %full;

is language(general => $_), lc, $_
    for qw(english Spanish GERMAN multilingual vietnamese);

is language('general'), undef, 'none, none sent';
is language('legal'), 'german', "the vertical's own";
is language(legal => 'fr'), 'french', 'unless the visitor asks for another';

is language(general => $_), '400 unknown_language', "not \"$_\"" for
    'xx', 'e', 'en-US', 'en_US', 'klingon', 'englis', 'english ', '', 'deu',
    "german\n", 'x' x 300;

done_testing;
