package Sandbox::Script;

# What is said and done in a conversation.  A step is what comes at once, a
# list of
#
#   {role, content, …}     a row of the transcript
#   {tap => {…}}           the visitor answers a card on the canvas
#
# There are three stories:
#
#   plain   they talk, and nothing else
#   full    and a tool is called, a card answered, the system has its say
#   all     and after it whatever Tavus is known to send, fitting or not

use v5.36;
use Mojo::JSON qw(encode_json);

my %LINES = (
    healthcare => [
        'Hello! I can help you find the right appointment.',
        'I have had a headache for a week.',
        'I am sorry to hear that. Is it there all day, or in the evening?',
        'Mostly in the evening.',
        'Dr. Lindqvist has time on Thursday at 9:40. Shall I note that down?',
        'Yes, please.',
        'Done. If it gets suddenly worse, call 112 at once.',
    ],
    legal => [
        'Hello! I can walk you through intake. What brings you here?',
        'My landlord keeps my deposit.',
        'When did you move out, and is there a handover record?',
        'In March, and yes, both of us signed it.',
        'That helps. A tenancy lawyer can call you tomorrow. Is that fine?',
        'Tomorrow after ten would be good.',
        'Noted. Nothing I say is legal advice, but you are in good hands.',
    ],
    ecommerce => [
        'Hi! Looking for something particular today?',
        'Running shoes for wide feet.',
        'The Tern 3 comes in a wide fit. Road or trail?',
        'Road, about thirty kilometres a week.',
        'Then the Tern 3 Wide in your size is right. It ships tomorrow.',
        'What about returns?',
        'A hundred days, free, even after a run in the rain.',
    ],
    general => [
        'Hello, nice to see you! What would you like to know?',
        'What can you do?',
        'I answer questions face to face, day and night, in many languages.',
        'And how do I get you onto my site?',
        'One module for nginx and a database. No other servers.',
        'That sounds simple.',
        'It is. Shall I tell you what it costs?',
    ],
);

# What is looked up before the fifth line.
my %LOOKED = (
    healthcare => [find_appointment => {weekday => 'thursday'},
        {doctor => 'Lindqvist', at => '09:40'}],
    legal => [find_lawyer => {field => 'tenancy'}, {free => 'tomorrow'}],
    ecommerce => [find_product => {fit => 'wide'}, {name => 'Tern 3 Wide'}],
    general => [search_documents => {query => 'installation'},
        {document => 'install.md'}],
);

sub stories () { return qw(plain full all) }

sub steps ($conv, $story) {
    my $tags = join ' ', ($conv->{in}{document_tags} // [])->@*,
        $conv->{name};
    my ($kind) = grep { $tags =~ /$_/ } qw(healthcare legal ecommerce);
    my @lines = $LINES{$kind //= 'general'}->@*;
    $lines[0] = $conv->{in}{custom_greeting}
        if length($conv->{in}{custom_greeting} // '');

    my $i = 0;
    my @steps = map {
        [{role => $i++ % 2 ? 'user' : 'assistant', content => $_}]
    } @lines;
    return @steps if $story eq 'plain';

    my ($tool, $arguments, $found) = $LOOKED{$kind}->@*;
    unshift $steps[4]->@*,
        {role => 'assistant', content => '', tool_calls => [{
            id => 'call_1', type => 'function', function => {name => $tool,
                arguments => encode_json($arguments)}}]},
        {role => 'tool', tool_call_id => 'call_1', name => $tool,
            content => encode_json($found)};
    unshift $steps[5]->@*,
        {tap => {tool_call_id => 'call_2', component => 'canvas.question',
            type => 'submit',
            value => {selected_option_ids => ['yes'], skipped => \0}}},
        {tap => {tool_call_id => 'call_2', component => 'canvas.question',
            type => 'dismiss', value => {}}},
        {role => 'system', content => 'The visitor answered the card: yes.'};
    return @steps;
}

# What is sent after the end, besides the shutdown: a type, or [type,
# properties, which has the time of the one before].
sub after ($conv, $story) {
    my $in = $conv->{in};
    my @seen = $in->{audio_only} || $story eq 'all'
        ? 'application.perception_unavailable' : ();
    push @seen, 'application.perception_analysis' unless $in->{audio_only};
    my @after = ('application.transcription_ready', @seen);
    return @after if $story eq 'plain';

    push @after, 'application.raven_memory_evidence',
        'application.memory_consolidation'
        if $in->{memory_stores} || $story eq 'all';
    push @after, 'application.recording_ready'
        if $conv->properties->{enable_recording} || $story eq 'all';
    return @after if $story eq 'full';

    return @after, 'application.recording_copy_failed',
        'application.post_call_action_executed',
        ['application.post_call_action_executed' =>
            Sandbox::Callback::action('t0000000000b2', 'send_mail')];
}

1;
