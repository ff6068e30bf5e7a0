#!/usr/bin/perl

# The list of statements is whole: each number has a row, and PostgreSQL takes
# text and types of each from the role that the module asks as.

use lib 't/lib';
use Tavus::Test;
use Tavus::Test::Pg;
use Tavus::Test::Process qw($ROOT slurp);

my $floor = "$ROOT/ngx_tavus_module";
my $header = slurp("$floor/store/ngx_tavus_statements.h");
my %oid = $header =~ /^#define (NGX_TAVUS_OID_\w+) +(\d+)$/gm;
my @numbers = $header =~ /^    ngx_tavus_stmt_(\w+)\b/gm;
cmp_ok scalar @numbers, '>', 10, 'numbers';

my %row;
my $list = slurp("$floor/store/ngx_tavus_statements.c") =~ s{/\*.*?\*/}{}gsr;
while ($list =~ /^\ +\[ngx_tavus_stmt_(\w+)\]\ =\n
    \ +\{\ ngx_tavus_stmt\((\w+)\),\s+((?:"[^"]*"\s*)+),\s+
    \{([^}]*)\}\ \}/gmx)
{
    my ($number, $name, $text, $types) = ($1, $2, $3, $4);
    ok !exists $row{$number}, "one row for $number";
    is $name, $number, 'of that name';
    $row{$number} = {sql => join('', $text =~ /"([^"]*)"/g),
        types => [map { $oid{$_} // $_ } $types =~ /(\w+)/g]};
}
is_deeply [sort keys %row], [sort @numbers], 'each number has one';

my $pg = Tavus::Test::Pg->new;
for my $number (@numbers) {
    my ($sql, $types) = $row{$number}->@{qw(sql types)};
    my $db = $pg->connect(user => 'tavus_app');
    $db->do('SET ROLE tavus_admin') if $number =~ /^(?:admin_|health$|line_ticket$|order_by_session$|proof$|tail_page$)/;
    my @names = map { $pg->db->selectrow_array(
        'SELECT $1::oid::regtype::text' =~ s/\$1/$_/r) } grep { $_ } @$types;
    my $given = @names ? '(' . join(', ', @names) . ')' : '';
    ok eval { $db->do("PREPARE s $given AS $sql") }, "$number is taken"
        or diag $@;
    my %used = map { $_ => 1 } $sql =~ /\$(\d+)/g;
    is scalar(keys %used), scalar @names, 'with as many types as parameters';
    my ($function, $inner) = $sql =~ /tavus\.(\w+)\((?:tavus\.(\w+))?/;
    ok $db->selectrow_array(q{SELECT bool_and(has_function_privilege(oid,
        'EXECUTE')) FROM pg_proc WHERE proname = ?
        AND pronamespace = 'tavus'::regnamespace}, undef, $_),
        "may execute $_" for grep { $_ } $function, $inner;
}

# nobody above the bridge asks but by this list
for my $file (glob "$floor/*.c $floor/*/*.c") {
    next if $file =~ m{/event/|/ngx_tavus_statements\.c$};
    unlike slurp($file) =~ s{/\*.*?\*/}{}gsr, qr/"SELECT\b/,
        $file =~ s{.*/}{}r;
}

done_testing;
