package Tavus::Test::Erase;

# Erasures through the admin API, and whether something is left.
#
#   my $res = erase($t, 'visitors/ada@example.com');
#   my $receipt = erased($t, $path)     waits until it is done
#   my @where = found($t, $word);       "table.column", in any table
#   my $open = hold_log($t)             what is recorded is not final, so that
#                                       nothing is erased, until $open->rollback

use v5.36;
use Carp qw(croak);
use Exporter qw(import);

use Tavus::Test::Process qw(wait_for);

our @EXPORT = our @EXPORT_OK = qw(erase erased found hold_log);

sub erase ($t, $path, %headers) {
    my %all = ($t->admin_headers->%*, 'Content-Type' => 'application/json',
        %headers);
    delete @all{grep { !defined $all{$_} } keys %all};
    return $t->request(DELETE => "/api/admin/$path", undef, \%all);
}

sub erased ($t, $path) {
    my $res = erase($t, $path);
    croak "$path: " . $res->to_string if $res->code !~ /^20[02]\z/;
    my $json = $res->json;
    wait_for { my $r = $t->admin("/api/admin/erasures/$json->{id}");
        $r->code == 200 && $r->json->{state} eq 'done' } 40
        or croak "$path is not erased";
    return $json;
}

sub found ($t, $word) {
    my $db = $t->db;
    my @where;
    for my $c ($db->selectall_arrayref(q{SELECT c.relname, a.attname,
        a.atttypid = 'bytea'::regtype FROM pg_class c JOIN pg_attribute a
        ON a.attrelid = c.oid WHERE c.relnamespace = 'tavus'::regnamespace
        AND c.relkind IN ('r', 'p') AND NOT c.relispartition
        AND a.attnum > 0 AND NOT a.attisdropped ORDER BY 1, 2})->@*)
    {
        my ($table, $name, $bytes) = @$c;
        push @where, "$table.$name" if $db->selectrow_array($bytes
            ? qq{SELECT EXISTS (SELECT FROM tavus."$table"
                WHERE position(convert_to(?, 'UTF8') IN "$name") > 0)}
            : qq{SELECT EXISTS (SELECT FROM tavus."$table"
                WHERE strpos("$name"::text, ?) > 0)}, undef, $word);
    }
    return @where;
}

sub hold_log ($t) {
    my $db = $t->pg->connect;
    $db->begin_work;
    $db->do('SELECT pg_advisory_xact_lock_shared(tavus.log_key()
        + s.last_value) FROM tavus.log_pos s');
    return $db;
}

1;
