package Tavus::Test::Locks;

# Which lock of shared memory a process waits for, and who has it.
#
#   diag stuck($t, 'a' => 65536, …);    zones by name, each with a size of its
#                                       own, by which its mapping is known
#
# nginx's lock is the first word of a zone: the process that has it.  Who waits
# sleeps on a semaphore of the same zone, whose address is the first argument
# of the system call that it is in.

use v5.36;
no warnings 'portable';              # addresses have 64 bits
use Exporter qw(import);

use Tavus::Test::Process qw(slurp);

our @EXPORT = our @EXPORT_OK = qw(stuck);

sub stuck ($t, %size) {
    my %name = reverse %size;
    return join "\n", map { process($t, $_, \%name) } $t->all_workers;
}

sub process ($t, $pid, $name) {
    my ($call, $address) = split ' ', slurp("/proc/$pid/syscall") // '';
    my @zones;
    for (split /\n/, slurp("/proc/$pid/maps") // '') {
        my ($from, $to) = m{^([0-9a-f]+)-([0-9a-f]+) rw-s .* /dev/zero} or next;
        $_ = hex for $from, $to;
        my $zone = $name->{$to - $from} or next;
        push @zones, {name => $zone, from => $from, to => $to,
            holder => word($pid, $from)};
    }

    my ($waits) = grep { $address && $address =~ /^0x/
        && hex($address) >= $_->{from} && hex($address) < $_->{to} } @zones;
    my @holds = map { $_->{name} } grep { $_->{holder} == $pid } @zones;
    return sprintf '%d (%s) in %s holds %s, waits for %s', $pid,
        $t->{nginx}->title($pid) =~ /shutting down/ ? 'old' : 'new',
        slurp("/proc/$pid/wchan") || "call $call",
        join('+', sort @holds) || 'nothing',
        $waits ? "$waits->{name} of $waits->{holder}" : 'nothing';
}

sub word ($pid, $address) {
    open my $fh, '<:raw', "/proc/$pid/mem" or return 0;
    sysseek $fh, $address, 0 or return 0;
    sysread $fh, my $bytes, 8 or return 0;
    return unpack 'Q', $bytes;
}

1;
