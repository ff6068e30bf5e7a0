#!/usr/bin/perl

# What the module sends to Tavus, and what the sandbox answers, is what
# t/contract/tavus.yml says, with no field more; all that stands there is used.
# With TAVUS_OPENAPI=FILE the same traffic is held against the public copy of
# Tavus's own document: what differs is in the list of gaps, and no more is.

use lib 't/lib', 't/sandbox/lib';
use Tavus::Test;
use Mojo::JSON qw(false true);
use Mojo::UserAgent;

use Sandbox;
use Tavus::Test::Contract;
use Tavus::Test::Process qw(slurp);
use Tavus::Test::Repair qw(due);

my $CONTRACT = 't/contract/tavus.yml';
my $contract = Tavus::Test::Contract->new($CONTRACT);

# ---- the traffic -----------------------------------------------------------

my %verticals = (
    healthcare => 'pal_id p01; face_id r01; document_tags kb-h kb-g; '
        . 'document_retrieval_strategy quality; max_call_duration 300; '
        . 'participant_absent_timeout 40; participant_left_timeout 7; '
        . 'custom_greeting "Hello"; conversational_context "Be brief."; '
        . 'require_auth on;',
    legal => 'persona_id p02; memory_stores a b; language french;',
    ecommerce => 'replica_id r03; audio_only on; mail_transcript on;',
    general => 'persona_id p04; replica_id r04; visitor_memory on;',
);
my $t = Tavus::Test->new(
    http => {tavus_vertical =>
        [map { "$_ { $verticals{$_} }" } sort keys %verticals],
        tavus_repair => 'rate=10r/s'},
)->start;
my $box = $t->sandbox;
$box->config(record_answers => 1);
wait_ok { $t->get('/healthz')->code == 200 } 'ready';

# what documents say of a vertical stands in one of these
my ($block) = slurp('docs/directives.md')
    =~ /^## The tavus_vertical block\n(.*?)^## /ms;
for my $name (map { /`(\w+)`/g } $block =~ /^\| (`[^|]+)\|/mg) {
    ok scalar(grep { /\b$name / } values %verticals), "$name is driven";
}

my @languages = slurp('ngx_tavus_module/core/tavus_language.c')
    =~ /\{ "[a-z]*", "([a-z]+)", "[A-Z ]*" \}/g;
cmp_ok scalar @languages, '>', 40, 'languages';

# everything that a site can ask for, as Tavus calls it today, and as before
for my $names (qw(current legacy)) {
    $t->configure(http => {tavus_api_names => $names})
        ->reload(drained => 1);

    for my $vertical (sort keys %verticals) {
        my $res = $t->create(vertical => $vertical,
            properties => {enable_transcription => true});
        is $res->code, 200, "$names: $vertical" or diag $res->body;
        is $t->post('/api/tavus/end-conversation',
            {$res->json->%{qw(conversation_id end_token)}})->code, 200;
    }
    for my $language (@languages, qw(pt-BR ar-AE es-419)) {
        is $t->create(properties => {language => $language})->code, 200,
            "$names: $language";
    }
}

# one whose callbacks are lost is asked about
my $lost = $t->create->json->{conversation_id};
$box->config(callback_drop => 1);
$box->play(conversation_id => $lost, story => 'all');
$box->config(callback_drop => 0);
due($t);
wait_ok { grep { $_->{path} eq "/v2/conversations/$lost" && $_->{answer} }
    $box->calls('/v2/') } 'the verbose GET', 60;

# one whose answer is lost is looked for
$t->configure(http => {tavus_api_timeout => '500ms',
    tavus_store_timeout => '200ms'})->reload(drained => 1);
$box->fault(kind => 'hang', method => 'POST', path => '/v2/conversations',
    times => 1, after => 1);
is $t->create->code, 502, 'a lost answer';
wait_ok { grep { $_->{method} eq 'GET' && $_->{path} eq '/v2/conversations'
    && $_->{answer} } $box->calls('/v2/') } 'the list', 60;
$t->configure(http => {map { $_ => undef } qw(tavus_api_timeout
    tavus_store_timeout)})->reload(drained => 1);

my $ua = Mojo::UserAgent->new;

# The sandbox alone, as nobody but a test asks it.
sub ask ($method, $path, $json = undef, %headers) {
    %headers = ('x-api-key' => $box->api_key) unless %headers;
    my $tx = $ua->build_tx($method => $box->url . $path, \%headers,
        defined $json ? (json => $json) : ());
    return $ua->start($tx)->result;
}

my @storage = (
    {provider => 's3', bucket_name => 'b', bucket_region => 'r',
        assume_role_arn => 'a', external_id => 'x'},
    {provider => 'gcs', bucket_name => 'b', project_id => 'p',
        workload_identity_provider => 'w', service_account_email => 'e'},
    {provider => 'azure_blob', storage_account => 's', container => 'c',
        tenant_id => 't', client_id => 'i'},
);
my %rest = (audio_only => false, conversational_context => 'c',
    custom_greeting => 'g', enable_dynamic_greeting => true,
    memory_stores => ['m'], participant_tags => ['t'], objectives_id => 'o',
    document_ids => ['d'], document_tags => ['t'], policy => 'eu',
    document_retrieval_strategy => 'speed', max_participants => 2,
    meeting_url => 'https://meet.example/x', test_mode => false,
    conversation_name => 'n', callback_url => $box->sink);
my @creates = (
    {pal_id => 'p01', face_id => 'r01', %rest, require_auth => true},
    {persona_id => 'p01', replica_id => 'r01', properties => {
        max_call_duration => 60, participant_left_timeout => 0,
        participant_absent_timeout => 60, enable_recording => true,
        enable_closed_captions => true, apply_greenscreen => false,
        require_auth => true, languages => ['en', 'pt-BR'],
        recording_s3_bucket_name => 'b', recording_s3_bucket_region => 'r',
        aws_assume_role_arn => 'a'}},
    map({ {pal_id => 'p01', properties => {language => 'english',
        recording_storage => $_}} } @storage),
);
for (@creates) {
    my $res = ask(POST => '/v2/conversations', $_);
    is $res->code, 200 or diag $res->body;
    my $path = '/v2/conversations/' . $res->json->{conversation_id};

    for my $names (qw(new old mixed)) {
        $box->config(names => $names);
        is ask(GET => $path)->code, 200;
        is ask(GET => '/v2/conversations?limit=5&page=1&status=active')->code,
            200;
    }
    $box->config(names => 'asked');
    is ask(GET => "$path?verbose=true")->code, 200, 'nothing yet';
    my %tap = (interaction_id => 'i', tool_call_id => 't', type => 'submit',
        component => 'canvas.input', component_version => 'v1',
        value => {text => 'x'}, metadata => {});
    is ask(POST => "$path/canvas/interactions", \%tap, Accept => '*/*')->code,
        200;
    is ask(POST => "$path/canvas/interactions", {%tap, value => 1},
        Accept => '*/*')->code, 409;
    $box->play(conversation_id => $res->json->{conversation_id},
        story => 'all');
    for my $form (qw(example replayed)) {
        $box->config(verbose => $form);
        is ask(GET => "$path?verbose=true")->code, 200, "a whole life: $form";
    }
    is ask(GET => "$path/canvas/interactions")->code, 200;
    is ask(POST => "$path/end")->code, 400, 'over';
    is ask(POST => "$path/canvas/interactions", \%tap, Accept => '*/*')->code,
        400;
}

# what tavus-check asks
for (['personas', 'p'], ['replicas', 'r']) {
    my ($what, $head) = @$_;
    is ask(GET => "/v2/$what/${head}0123456789ab")->code, 200, $what;
    is ask(GET => "/v2/$what/x0123456789ab")->code, 400;
    is ask(GET => "/v2/$what/${head}0", undef, 'x-api-key' => 'x')->code, 401;
}

my $path = '/v2/conversations/' . ask(POST => '/v2/conversations',
    {pal_id => 'p1'})->json->{conversation_id};
is ask(POST => "$path/end")->code, 200;
is ask(DELETE => "$path?hard=true")->code, 204;
is ask(POST => "$path/canvas/interactions", {}, Accept => '*/*')->code, 400
    for 1 .. 120;
is ask(POST => "$path/canvas/interactions", {}, Accept => '*/*')->code, 429;

for (['GET', ''], ['DELETE', ''], ['POST', '/end'],
    ['GET', '/canvas/interactions'])
{
    my ($method, $below) = @$_;
    is ask($method => "$path$below")->code, 400, "$method$below: not there";
    is ask($method => "$path$below", undef, 'x-api-key' => 'x')->code, 401;
}
is ask(GET => '/v2/conversations?limit=0')->code, 400;
for my $method (qw(GET POST)) {
    is ask($method => '/v2/conversations', undef, 'x-api-key' => 'x')->code,
        401;
}
is ask(POST => '/v2/conversations', {})->code, 400, 'nothing is asked for';
$box->config(max_concurrent => 0);
is ask(POST => '/v2/conversations', {pal_id => 'p1'})->code, 400, 'too many';
$box->config(credits => 0);
is ask(POST => '/v2/conversations', {pal_id => 'p1'})->code, 402, 'no credits';

# ---- the knowledge base, as an administrator keeps it

$t->configure(http => {tavus_api_timeout => undef})->reload(drained => 1);
$box->config(document_ms => 0, recrawl_seconds => 0);
my $docs = '/api/admin/documents';
my $docs_there = '/v2/documents';
sub keep ($method, $below, $json = undef) {
    return $t->request($method => "$docs$below", $json, {$t->admin_headers->%*,
        'Content-Type' => 'application/json'});
}

my $site = keep(POST => '', {document_url => 'https://x.example/',
    document_name => 'Site', tags => ['t'], crawl => {depth => 2,
    max_pages => 3}})->json->{document_id};
is keep(PATCH => "/$site", {document_name => 'x', tags => ['u']})->code, 200;
is keep(GET => "?$_")->code, 200, "documents?$_"
    for '', 'limit=1&page=0&sort=ascending&status=ready&tags=u&q=x';
is keep(GET => "/$site")->code, 200;
is keep(POST => "/$site/recrawl", $_)->code, 202
    for undef, {crawl => {depth => 1, max_pages => 1}};
my $plain = ask(POST => $docs_there, {document_url => 'https://x.example/',
    callback_url => $box->sink})->json->{document_id};
is keep(POST => "/$plain/recrawl")->json->{code}, 'not_crawled';
$box->document(document_id => $site, status => 'processing');
is keep(GET => "/$site")->json->{progress}, 50;
is keep(POST => "/$site/recrawl")->json->{code}, 'document_busy';
is ask(POST => "$docs_there/$plain/recrawl", {crawl => {depth => 1}})->code,
    202;
$box->document(document_id => $plain, status => 'error',
    error_message => 'file_empty');
is keep(GET => "/$plain")->json->{error_message}, 'file_empty';
$box->config(max_crawling => 0);
$box->document(document_id => $site, status => 'ready');
is keep(POST => "/$site/recrawl")->json->{code}, 'crawl_busy';
is keep(POST => '', {document_url => 'https://x.example/', crawl => {}})
    ->json->{code}, 'crawl_busy';
is keep(DELETE => "/$site")->code, 200;
is ask(POST => $docs_there, {})->code, 400;
is ask(GET => "$docs_there?limit=0")->code, 400;
is ask(PATCH => "$docs_there/$plain", {tags => 1})->code, 400;
for (['GET', ''], ['PATCH', ''], ['DELETE', ''], ['POST', '/recrawl']) {
    my ($method, $below) = @$_;
    is ask($method => "$docs_there/d0-0$below", {})->code, 404;
    is ask($method => "$docs_there/d0-0$below", {}, 'x-api-key' => 'x')->code,
        401;
}
is ask($_ => $docs_there, {}, 'x-api-key' => 'x')->code, 401 for qw(GET POST);

my @calls = grep { $_->{answer} || $_->{headers}{'user-agent'} =~ /^nginx/ }
    $box->calls('/v2/');

# ---- by our own contract ---------------------------------------------------

subtest 'all traffic is as the contract says' => sub {
    $contract->look($_) for @calls;
    is_deeply $contract->findings, {};

    my %named = $contract->named->%*;
    is_deeply [grep { !$contract->seen->{$_} } sort keys %named], [],
        'all that stands there was seen';
    done_testing;
};

subtest 'what is not so is found' => sub {
    my $found = sub (%call) {
        my $c = Tavus::Test::Contract->new($CONTRACT);
        $c->look({method => 'POST', path => '/v2/conversations', query => '',
            %call});
        return [sort keys $c->findings->%*];
    };
    my $of = sub ($body) { return $found->(body => $body) };
    my $get = sub ($query, $body) {
        return $found->(method => 'GET', query => $query,
            answer => {status => 200, body => $body});
    };
    my $create = 'createConversation request';
    my %list = (data => [], total_count => 0);

    is_deeply $of->({pal_id => 'p1'}), [], 'nothing';
    is_deeply $of->({pal_id => 'p1', a => 1, properties => {b => 1}}),
        ["$create /a", "$create /properties/b"], 'fields that are not there';
    is_deeply $of->({pal_id => 'p1', audio_only => 'true',
        max_participants => '2', document_tags => [1]}),
        ["$create /audio_only", "$create /document_tags/*",
            "$create /max_participants"], 'other types';
    is_deeply $of->({pal_id => 'p1', persona_id => 'p1'}), [$create], 'both';
    ok scalar $of->({audio_only => true})->@*, 'neither';
    is_deeply $of->({face_id => 'r1', properties => {language => 'en'}}),
        ["$create /properties/language"], 'a code for a name';
    is_deeply $of->(undef), [$create], 'no body';
    is_deeply $found->(path => '/v2/x'), ['POST /v2/x'], 'a path';
    is_deeply $found->(path => '/v2/conversations/c1/end', body => {}),
        ['endConversation request'], 'a body';
    is_deeply $get->('limit=0&x=1&status=gone', \%list),
        [map { "listConversations query $_" } qw(limit status x)], 'queries';
    my $lacks = $get->('', {%list, data => [{}]});
    for (qw(conversation_id status created_at)) {
        my $where = "listConversations 200 /data/*/$_";
        ok scalar(grep { $_ eq $where } @$lacks), "an answer lacks $_";
    }
    is_deeply $found->(body => {pal_id => 'p1'},
        answer => {status => 202, body => {}}), ['createConversation 202'],
        'a status';
    is_deeply $found->(body => 'rubbish',
        answer => {status => 401, body => {detail => 'y',
            message => 'Invalid access token'}}),
        ['createConversation 401 /detail'], 'an answer to what was refused';
    done_testing;
};

subtest 'callbacks' => sub {
    my $type = $contract->data->{'x-callbacks'};
    my $bare = $contract->data->{'x-bare'};
    my $envelope = {'$ref' => '#/components/schemas/Envelope'};
    my (%seen, %wrong);

    for my $body (map { $_->{body} } $box->callbacks) {
        my $name = $body->{event_type}
            // ($body->{objective_name} ? 'objective' : 'guardrail');
        $seen{$name} = 1;
        my @why = $body->{event_type}
            ? ($contract->wrong($envelope, $body), $contract->wrong(
                ($type->{$name} // {})->{schema}, $body->{properties}))
            : $contract->wrong($bare->{$name}{schema}, $body);
        $wrong{$name} = \@why if @why;
    }
    is_deeply \%wrong, {}, 'all are as the contract says';
    is_deeply [sort keys %seen], [sort keys %$type, keys %$bare],
        'and all that stand there were sent';
    my %body = (face_id => 'r1', extra => 1);
    ok scalar $contract->wrong($type->{'system.pal_joined'}{schema}, \%body),
        'what is not so is found';
    done_testing;
};

# From the sources: nothing is asked for that is not in the contract.
subtest 'every path' => sub {
    my $unknown = sub (@paths) {
        my %like = map { s/\{[^}]+\}/*/gr => 1 }
            keys $contract->data->{paths}->%*;
        return [grep { !$like{$_} } @paths];
    };
    my $sent = join '', map { slurp($_) }
        split /\n/, `find ngx_tavus_module -name '*.c'`;
    my %sent = map { s/%[A-Z]|\?.*/*/gr =~ s{(?<!/)\*.*}{}r => 1 }
        $sent =~ m{"(/v2/[^"]*)"}g;
    delete $sent{$_} for grep { m{//} } keys %sent;
    ok scalar keys %sent, 'the module has some';
    is_deeply $unknown->(sort keys %sent), [], 'of the module';
    for my $path (sort keys %sent) {
        my $like = $path =~ s{\*}{[^/]+}gr;
        ok scalar(grep { $_->{path} =~ /^$like\z/
            && $_->{headers}{'user-agent'} =~ /^nginx-tavus/ } @calls),
            "$path was asked for";
    }

    my $app = Sandbox->new;
    my @routes;
    my $walk;
    $walk = sub ($route) {
        my $whole = $route->to_string;
        push @routes, $whole =~ s{/:\w+}{/*}gr
            if !$route->children->@* && $whole =~ m{^/v2/};
        $walk->($_) for $route->children->@*;
    };
    $walk->($app->routes);
    is_deeply $unknown->(sort @routes), [], 'of the sandbox';
    done_testing;
};

subtest 'gaps' => sub {
    my %source = $contract->data->{'x-source'}->%*;
    my %whence;
    for ($contract->data->{'x-gaps'}->@*) {
        ok length $_->{why}, "$_->{where}: why";
        ok $source{$_->{source}}, 'and who says so';
        $whence{$_->{source}} = 1;
        my $where = $_->{where};
        ok scalar(grep { "$_ " =~ /^\Q$where\E[ \/]/ }
            keys $contract->seen->%*), 'in the traffic';
    }
    my %from = ((map { $_->{name} => $_->{op}{'x-source'} }
        $contract->operations->@*), map { my $all = $contract->data->{$_};
        map { $_ => $all->{$_}{source} } keys %$all } qw(x-callbacks x-bare));
    for (sort keys %from) {
        ok $source{$from{$_} // ''}, "$_ has a source";
        $whence{$from{$_} // ''} = 1;
    }
    is_deeply [grep { !$whence{$_} } sort keys %source], [],
        'all sources are used';
    done_testing;
};

# ---- by the public copy ----------------------------------------------------

subtest 'by the public copy of Tavus\'s own document' => sub {
    my $file = $ENV{TAVUS_OPENAPI}
        or plan skip_all => 'TAVUS_OPENAPI names no file';
    my $public = Tavus::Test::Contract->new($file)->strict;
    $public->look({%$_, x_name => $contract->operation($_)}) for @calls;

    my %gap = map { $_->{where} => 1 } $contract->data->{'x-gaps'}->@*;
    my %found = $public->findings->%*;
    is_deeply {map { $_ => $found{$_} } grep { !$gap{$_} } keys %found}, {},
        'no gap but the known ones';
    is_deeply [grep { !$found{$_} } sort keys %gap], [],
        'each of which there is';
    done_testing;
};

done_testing;
