package TavusCheck::Journal;

# The folder of tavus_journal: for whom, on what, how full.

use v5.36;
use utf8;

use Cwd qw(abs_path);
use File::Basename qw(dirname);

use TavusCheck::Conf;
use TavusCheck::Run qw(LATE as run);

my %AWAY = map { $_ => 1 } qw(nfs nfs4 cifs smb3 smbfs 9p ceph glusterfs lustre
    afs gfs2 ocfs2 fuse.sshfs fuse.glusterfs fuse.s3fs fuse.rclone);
# whose fsync is known to be one
my %LOCAL = map { $_ => 1 } qw(ext2 ext3 ext4 xfs btrfs zfs f2fs jfs reiserfs
    bcachefs nilfs2);

sub new ($class, %opt) { return bless {%opt}, $class }

sub look ($self) {
    my ($report, $conf, $nginx) = $self->@{qw(report conf nginx)};
    $report->group('journal');

    my $args = $conf->http('tavus_journal');
    if (!$args) {
        return $report->warn('folder', 'there is no tavus_journal: while '
            . 'PostgreSQL is away events are refused with 503',
            'name a folder on a local disk with tavus_journal');
    }
    my $dir = $conf->full($args->[0]);
    my ($max) = map { /^max_size=(.*)/ ? TavusCheck::Conf::size($1) : () } @$args;
    $max //= 1024 ** 3;

    # who so much as looks into a folder of a server that is gone hangs
    my ($at, $type) = mounted($dir);
    return $self->away($dir, $at, $type) if defined $type && $AWAY{$type};
    my $real = as(undef, sub { abs_path($dir) // $dir });
    return $report->fail('folder', "$dir: " . LATE . ' of its file system',
        'see that disk, or what is mounted there') if !defined $real || $real eq LATE;
    ($at, $type) = mounted($real);
    return $self->away($dir, $at, $type) if defined $type && $AWAY{$type};

    if (!-d $dir) {
        my $above = dirname($dir);
        return $report->fail('folder', "$dir: " . ($nginx->master
            ? 'is not there, though nginx runs' : "$!, and $above is no folder"),
            "install -d -m 711 $above, then reload nginx")
            if $nginx->master || !-d $above;
        return $report->ok('folder', "$dir: nginx makes it when it starts");
    }

    $self->writable($dir) if $nginx->user;
    $self->disk($dir, $max, $at, $type);
    $self->files($dir);
    return;
}

sub writable ($self, $dir) {
    my ($report, $nginx) = $self->@{qw(report nginx)};
    my $user = $nginx->user;
    # a permission that is there is none where the disk is read-only: access(2)
    # knows both
    my $why = as($user, sub {
        my $at = '';
        for (split m{/}, $dir) {
            next unless length;
            $at .= "/$_";
            return "$user->{name} may not enter $at" unless -x $at || !-d $at;
        }
        require POSIX;
        return '' if POSIX::access($dir, POSIX::W_OK() | POSIX::X_OK());
        return "$dir: $!";
    });

    if (!defined $why || length $why) {
        $report->fail('writable', $why // "$user->{name}: cannot be tried",
            "chown $user->{name} $dir; chmod 700 $dir; the folders above it need "
            . 'x for that user, and the disk to be writable');
        return;
    }
    my ($mode, $uid) = (stat $dir)[2, 4];
    if ($uid != $user->{uid}) {
        $report->fail('owner', "$dir is " . (getpwuid($uid) // $uid)
            . "'s, not that of the workers, $user->{name}",
            "chown $user->{name} $dir");
    } elsif ($mode & 077) {
        $report->warn('owner', sprintf('%s is open to others (%04o)', $dir,
            $mode & 07777), "chmod 700 $dir");
    } else {
        $report->ok('writable', "$dir, for $user->{name} alone");
    }
    return;
}

# The mount that a path is on, and its type; nothing there is touched.
sub mounted ($path) {
    open my $in, '<', '/proc/self/mountinfo' or return;
    my ($best, $type) = ('');
    while (<$in>) {
        my ($left, $right) = split / - /, $_, 2;
        my $at = (split ' ', $left)[4] =~ s/\\([0-7]{3})/chr oct $1/ger;
        next unless $path eq $at || $at eq '/' || index($path, "$at/") == 0;
        next if length $at < length $best;
        ($best, $type) = ($at, (split ' ', $right)[0]);
    }
    return ($best, $type);
}

# The sandbox is no place for what must not be lost.
sub bad ($self) {
    return ($self->{conf}->value('tavus_sandbox') // 'off') eq 'on' ? 'warn' : 'fail';
}

sub away ($self, $dir, $at, $type) {
    my $bad = $self->bad;
    return $self->{report}->$bad('disk', "$dir is on $type, over the network ($at), and "
        . 'is not looked into', 'use a local disk: fsync and locks are not to be '
        . 'relied on there');
}

sub disk ($self, $dir, $max, $at, $type) {
    my $report = $self->{report};
    my $bad = $self->bad;

    if (!defined $type) {
        $report->skip('disk', 'what it is on cannot be told');
    } elsif ($type =~ /^(?:tmpfs|ramfs)\z/) {
        $report->$bad('disk', "$dir is on $type ($at): it does not survive a "
            . 'restart', 'use a disk');
    } elsif ($type eq 'overlay') {
        $report->$bad('disk', "$dir is on overlay ($at): it goes with the "
            . 'container', 'give it a volume of its own');
    } elsif ($LOCAL{$type}) {
        $report->ok('disk', "$type ($at)");
    } else {
        $report->warn('disk', "$dir is on $type ($at), of which this does not know "
            . 'whether fsync and locks hold', 'use a local disk with ext4 or xfs, or '
            . 'know that they do');
    }

    my $df = run(['df', '-P', '-k', $dir]);
    my ($free) = $df->{out} =~ /\n\S+\s+\d+\s+\d+\s+(\d+)\s/;
    return $report->skip('space', 'df tells nothing') unless defined $free;
    $free *= 1024;
    my $used = 0;
    $used += -s $_ // 0 for glob_in($dir);
    my $left = $max > $used ? $max - $used : 0;
    my $said = mib($free) . " are free, and max_size is " . mib($max)
        . ', of which ' . mib($used) . ' are used';
    return $report->warn('space', $said, 'make room, or lower max_size: the disk '
        . 'is full before the journal is') if $free < $left;
    return $report->ok('space', $said);
}

sub mib ($n) { return sprintf '%.0f MiB', $n / 1024 ** 2 }

sub glob_in ($dir) {
    opendir my $in, $dir or return;
    return map { "$dir/$_" } grep { !/^\.\.?\z/ } readdir $in;
}

sub files ($self, $dir) {
    my ($report, $nginx) = $self->@{qw(report nginx)};
    my @files = grep { !-d } glob_in($dir);
    my $user = $nginx->user or return;

    my @foreign = grep { (lstat $_)[4] != $user->{uid} } @files;
    my @damaged = grep { /\.damaged\z/ } @files;
    my $name = sub (@list) {
        return join ', ', map { s{.*/}{}r } @list > 3
            ? (@list[0 .. 2], scalar(@list) - 3 . ' more') : @list;
    };

    $report->fail('files', scalar(@foreign) . " of another owner than $user->{name}: "
        . $name->(@foreign), "chown $user->{name} them, or they are never replayed")
        if @foreign;
    $report->warn('damaged', scalar(@damaged) . ' set aside: ' . $name->(@damaged),
        'see docs/operate/storage.md: what could be read was replayed')
        if @damaged;
    my $wait = grep { !m{/\.[^/]*\z} && !/\.damaged\z/ } @files;
    $report->ok('files', "$wait with events, none damaged, none of another owner")
        unless @foreign || @damaged;
    return;
}

1;
