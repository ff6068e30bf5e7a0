#!/usr/bin/perl

# The sandbox takes what visitors do on cards: without a key, once, and no
# more than 120 in a minute.

use lib 't/lib';
use Tavus::Test;
use Mojo::JSON qw(true);

use Tavus::Test::SandboxCalls;

my ($s, $call, $create) = sandbox_calls();
my $id = $create->(callback_url => $s->sink)->json->{conversation_id};
my %tap = (interaction_id => 'i1', tool_call_id => 'c1',
    component => 'canvas.question', component_version => 'v1',
    type => 'submit', value => {selected_option_ids => ['a']});

sub path ($of) { return "/v2/conversations/$of/canvas/interactions" }
sub tap (%more) { return $call->(POST => path($id), {%tap, %more}, {}) }

is_deeply tap()->json, {success => true}, 'taken, without a key';
is tap(metadata => {n => 2})->code, 200, 'and again';
is tap(type => 'skip')->code, 409, 'but not as something else';

my $list = $call->(GET => path($id))->json->{data};
is @$list, 1, 'kept once';
is_deeply {$list->[0]->%{keys %tap}}, \%tap;
is $list->[0]{conversation_id}, $id;
is $call->(GET => path($id), undef, {})->code, 401, 'read with the key only';

wait_ok { 1 == grep { $_->{event_type} eq 'canvas.interaction' }
    $s->callbacks } 'told once';
my $told = ($s->callbacks)[0]{body};
is $told->{message_type}, 'canvas';
like $told->{timestamp}, qr/T\d\d:\d\d:\d\d\.\d{3}Z\z/, 'by the millisecond';
is $told->{properties}{interaction_id}, 'i1';

my %refused = (
    'an unknown field' => {page => 1},
    'no id' => {interaction_id => ''},
    'a long id' => {interaction_id => 'x' x 129},
    'a long call' => {tool_call_id => 'x' x 129},
    'a component' => {component => 'canvas.quiz'},
    'a version' => {component_version => 'v2'},
    'a type' => {type => 'click'},
    'metadata' => {metadata => 'x'},
);
is tap($refused{$_}->%*)->code, 400, $_ for sort keys %refused;
for my $name (grep { $_ ne 'value' } sort keys %tap) {
    my %less = %tap;
    delete $less{$name};
    is $call->(POST => path($id), \%less, {})->code, 400, "no $name";
}
is $call->(POST => path('nothing'), \%tap, {})->code, 400, 'no conversation';

my $other = $create->()->json->{conversation_id};
$call->(POST => "/v2/conversations/$other/end");
is $call->(POST => path($other), \%tap, {})->code, 400, 'over';

# what is refused counts too
my $n = grep { $_->{path} eq path($id) && $_->{method} eq 'POST' } $s->calls;
tap() for $n + 1 .. 119;
is tap()->code, 200, 'the 120th';
my $res = tap();
is $res->code, 429, 'the 121st';
is_deeply $res->json, {error => 'Too many requests'};
my $wait = $res->headers->header('Retry-After');
ok $wait >= 1 && $wait <= 60, 'says how long' or diag $wait;
is $call->(POST => path($other), \%tap, {})->code, 400,
    'another conversation has its own';

done_testing;
