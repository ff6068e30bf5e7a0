#!/usr/bin/perl

# npm

# A form that core/ makes, whatever stands in it, says to who plays Stripe what
# was put in, and says what Stripe's own library says of the same.

use lib 't/lib';
use Tavus::Test;
use IPC::Open2 qw(open2);
use Mojo::JSON qw(decode_json encode_json);
use Mojo::Parameters;
use Mojo::UserAgent;
use Mojo::Util qw(encode);

use Tavus::Test::Process qw($ROOT new_dir);
use Tavus::Test::Sandbox;
use Tavus::Test::Sender;

my $seed = $ENV{TAVUS_SEED} // time;
srand $seed;
note "TAVUS_SEED=$seed";

my $s = Tavus::Test::Sandbox->new;
my $ua = Mojo::UserAgent->new(inactivity_timeout => 60);
my $library = Tavus::Test::Sender->new('stripe');

my $program = new_dir() . '/form';
my $core = "$ROOT/ngx_tavus_module/core";
is system('cc', '-std=gnu11', '-g', '-Wall', '-Wextra', '-Werror', "-I$core",
    '-o', $program, "$ROOT/t/senders/form.c", "$core/tavus_form.c", '-lcjson'),
    0, 'compiled' or BAIL_OUT('t/senders/form.c');
my $pid = open2(my $out, my $in, $program);

sub made (@fields) {
    print {$in} encode_json([map {
        [@$_[0 .. $#$_ - 1], unpack 'H*', encode('UTF-8', $_->[-1])]
    } @fields]), "\n";
    $in->flush;
    return decode_json(<$out> // BAIL_OUT("it ended: TAVUS_SEED=$seed"));
}

my @LETTERS = ('a' .. 'f', 'Z', 0, ' ', '+', '&', '=', '%', '%41', ';', '#', '?',
    '/', '\\', '"', '<', '{', '}', '*', '~', "\t", "\r\n", "\x{0}", "\x{7f}",
    "\x{e9}", "\x{20ac}", "\x{1f600}", "\x{2028}", "\x{2029}");

sub text ($least, $most, @more) {
    my @letters = (@LETTERS, @more);
    return join '', map { $letters[rand @letters] }
        1 .. $least + int rand($most - $least + 1);
}

sub session (@metadata) {
    return ([mode => 'payment'], ['line_items[0][price]' => 'price_replica'],
        ['line_items[0][quantity]' => 1],
        [success_url => 'https://example.com/?id={CHECKOUT_SESSION_ID}'],
        @metadata);
}

# as a server reads it: [name, value] each
sub read_again ($form) {
    my @pairs = Mojo::Parameters->new($form)->pairs->@*;
    return [sort { $a->[0] cmp $b->[0] } map { [@pairs[$_ * 2, $_ * 2 + 1]] }
        0 .. @pairs / 2 - 1];
}

my ($same, $read) = (0, 0);
my $N = 60;
for my $n (1 .. $N) {
    my %metadata = map { ((text(1, 9) =~ tr/\0//dr) . $_ =>
        text(1, 60, '[', ']')) } 1 .. rand 8;
    my $form = made(session(map { [metadata => $_ => $metadata{$_}] }
        sort keys %metadata))->{form};

    my $answer = $ua->post($s->url . '/v1/checkout/sessions' => {
        Authorization => 'Bearer ' . $s->stripe_key,
        'Stripe-Version' => '2026-10-28.endive',
        'Content-Type' => 'application/x-www-form-urlencoded'} => $form)
        ->result->json;
    $read++ if encode_json($answer->{metadata} // []) eq encode_json(\%metadata)
        or diag "$form\n", explain $answer->{error};

    $s->forget;
    $library->ask({host => '127.0.0.1', port => $s->port,
        key => $s->stripe_key, method => 'checkout.sessions.create', args => [{
            mode => 'payment', line_items =>
                [{price => 'price_replica', quantity => 1}],
            success_url => 'https://example.com/?id={CHECKOUT_SESSION_ID}',
            %metadata ? (metadata => \%metadata) : ()}]});
    my ($call) = $s->calls('/v1/');
    $same++ if encode_json(read_again($form))
        eq encode_json(read_again($call->{body}))
        or diag "$form\n$call->{body}";
}
is $read, $N, 'read as it was put in';
is $same, $N, 'and as its library says it';

is_deeply made(session([metadata => 'a[b' => 1])), {error => 1},
    'what makes another name of a key is refused';
is_deeply made(session([metadata => 'k' x 249 => 1])), {error => 2},
    'and what is too long';
is_deeply made(map { ["n$_" => 1] } 0 .. 512), {error => 3}, 'or too many';

close $in;
waitpid $pid, 0;
is $?, 0, 'nothing else';
is $library->close, 0;

done_testing;
