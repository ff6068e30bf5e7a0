package Tavus::Test::Log;

# Events that are stored without nginx, and a reader of the log from outside.
#
#   my $id = event_id();                    of now, and of its own
#   store($db, @ids);                       tavus.record(); a letter each
#   my $reader = Tavus::Test::Log->new;     from the beginning
#   $reader->poll($db, 10);                 the ids that came, 10 at most
#   $reader->drain($db);                    all that are there
#   $reader->place($db), $reader->resume($db, $place)

use v5.36;
use Exporter qw(import);
use Time::HiRes qw(time);

our @EXPORT_OK = qw(event_id store);

sub event_id () {
    state $n = 0;
    return sprintf('%012x', time * 1000) =~ s/\A(.{8})/$1-/r
        . sprintf '-7%03x-8%03x-%06x%06x', rand 4096, $n++ & 4095,
            $$ & 0xffffff, rand 1 << 24;
}

sub store ($db, @ids) {
    my $n = @ids;
    return $db->selectrow_array(qq{SELECT tavus.record(?::uuid[],
        array_fill(now(), ARRAY[$n]), array_fill(NULL::bytea, ARRAY[$n]),
        array_fill(0::smallint, ARRAY[$n]), array_fill('tavus'::text, ARRAY[$n]),
        array_fill('conversation.utterance'::text, ARRAY[$n]),
        array_fill(NULL::text, ARRAY[$n]), array_fill(NULL::bytea, ARRAY[$n]),
        array_fill(NULL::text, ARRAY[$n]), array_fill('{}'::bytea, ARRAY[$n]),
        array_fill(NULL::text, ARRAY[$n]))}, {}, '{' . join(',', @ids) . '}');
}

sub new ($class, %opt) {
    return bless {pos => 0, ord => 0, %opt}, $class;
}

sub poll ($self, $db, $most) {
    my ($pos, $ord) = $db->selectrow_array(
        'SELECT to_pos, to_ord FROM tavus.log_window(?, ?, ?)', {},
        $self->@{qw(pos ord)}, $most);
    my $ids = $db->selectcol_arrayref(
        'SELECT id FROM tavus.log_events(?, ?, ?, ?)', {},
        $self->@{qw(pos ord)}, $pos, $ord);
    $self->@{qw(pos ord)} = ($pos, $ord);
    return @$ids;
}

sub drain ($self, $db) {
    my @all;
    while (my @ids = $self->poll($db, 1000)) { push @all, @ids }
    return @all;
}

sub place ($self, $db) {
    return $db->selectrow_array('SELECT tavus.log_place(?, ?)', {},
        $self->@{qw(pos ord)});
}

# Whether the reader is ahead; it goes on where it is told.
sub resume ($self, $db, $place) {
    (my $ahead, $self->@{qw(pos ord)}) = $db->selectrow_array(
        'SELECT ahead, pos, ord FROM tavus.log_resume(?)', {}, $place);
    return $ahead;
}

1;
