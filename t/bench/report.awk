# the slices of a run, as "load" prints them, in one table

function median(list, n,    i, j, t) {
    for (i = 2; i <= n; i++) {
        t = list[i]

        for (j = i - 1; j > 0 && list[j] > t; j--) {
            list[j + 1] = list[j]
        }

        list[j + 1] = t
    }

    return n % 2 ? list[(n + 1) / 2] : (list[n / 2] + list[n / 2 + 1]) / 2
}


# of a column of all rounds

function column(id, name,    r, list) {
    for (r = 1; r <= rounds[id]; r++) {
        list[r] = value[id, r, name]
    }

    return median(list, rounds[id])
}


# proxy_pass against the gateway, round by round: more is better for both

function ratios(proxy, gateway, name,    r, n, list) {
    n = rounds[gateway]

    for (r = 1; r <= n; r++) {
        list[r] = name == "cpu" \
                  ? value[proxy, r, name] / value[gateway, r, name] \
                  : value[gateway, r, name] / value[proxy, r, name]
    }

    ratio = median(list, n)
    low = list[1]
    high = list[n]
}


function title(text, unit) {
    printf "\n%-18s %22s %25s %29s\n", text, "proxy_pass", "gateway", \
           "gateway : proxy_pass"
    printf "%-11s conns  %8s cpu us  p50 us  %8s cpu us  p50 us   aim " \
           "  cpu  (min-max)   %-7s  +p50   +p99\n", "", unit, unit, unit
}


function aim(what, dialect) {
    if (what == "stream") {
        return 0.85
    }

    return dialect == "same" ? 0.95 : 0.85
}


function row(what, conns, dialect,    proxy, gateway, rate) {
    proxy = what SUBSEP conns SUBSEP dialect ".proxy"
    gateway = what SUBSEP conns SUBSEP dialect ".gateway"

    if (!(gateway in rounds)) {
        return
    }

    ratios(proxy, gateway, "rate")
    rate = ratio

    ratios(proxy, gateway, "cpu")

    printf "%-11s %5d  %8d %6.2f  %6d  %8d %6.2f  %6d  %.2f%s %.2f " \
           "(%.2f-%.2f)  %.2f  %+7d %+6d\n", \
           dialect, conns, \
           column(proxy, "rate"), column(proxy, "cpu"), \
           column(proxy, "p50"), \
           column(gateway, "rate"), column(gateway, "cpu"), \
           column(gateway, "p50"), aim(what, dialect), \
           (ratio < aim(what, dialect) ? "*" : " "), ratio, low, high, rate, \
           column(gateway, "p50") - column(proxy, "p50"), \
           column(gateway, "p99") - column(proxy, "p99")
}


function rows(what, text, unit,    i, n, list) {
    if (!(what in seen)) {
        return
    }

    title(text, unit)

    n = split(order[what], list, " ")

    for (i = 1; i <= n; i++) {
        row(what, list[i], "same")
    }

    for (i = 1; i <= n; i++) {
        row(what, list[i], "translated")
    }
}


function open_row(dialect,    proxy, gateway, more) {
    proxy = "open" SUBSEP order["open"] SUBSEP dialect ".proxy"
    gateway = "open" SUBSEP order["open"] SUBSEP dialect ".gateway"

    more = memory[gateway] - memory[proxy]

    printf "%-11s %5d  %8d %6.2f %7.1f  %8d %6.2f %7.1f    16%s %.2f " \
           "%+12.1f KiB\n", dialect, order["open"], \
           value[proxy, 1, "rate"], value[proxy, 1, "cpu"], memory[proxy], \
           value[gateway, 1, "rate"], value[gateway, 1, "cpu"], \
           memory[gateway], (more > 16 ? "*" : " "), \
           value[proxy, 1, "cpu"] / value[gateway, 1, "cpu"], more
}


function count_row(what, dialect,    proxy, gateway) {
    proxy = "count." what SUBSEP 1 SUBSEP dialect ".proxy"
    gateway = "count." what SUBSEP 1 SUBSEP dialect ".gateway"

    if (!(gateway in rounds)) {
        return
    }

    printf "%-11s %-7s %14d %25d %+29d\n", dialect, what, \
           value[proxy, 1, "cpu"], value[gateway, 1, "cpu"], \
           value[gateway, 1, "cpu"] - value[proxy, 1, "cpu"]
}


# what "name" of one is more than of the other, round by round

function differences(base, id, name,    r, n, list) {
    n = rounds[id]

    for (r = 1; r <= n; r++) {
        list[r] = value[id, r, name] - value[base, r, name]
    }

    more = median(list, n)
    low = list[1]
    high = list[n]
}


function limits_row(label, text,    base, id, count) {
    base = "limits" SUBSEP order["limits"] SUBSEP "off"
    id = "limits" SUBSEP order["limits"] SUBSEP label
    count = "count.limits" SUBSEP 1 SUBSEP

    differences(base, id, "cpu")
    ratios(base, id, "cpu")

    printf "%-24s %8d %6.2f  %+6.2f  %.2f ", text, \
           column(id, "rate"), column(id, "cpu"), more, ratio
    printf "(%.2f-%.2f)", low, high

    if (count label in rounds) {
        more = value[count label, 1, "cpu"] - value[count "off", 1, "cpu"]

        printf " %10d %+8d  %.2f", value[count label, 1, "cpu"], more, \
               value[count "off", 1, "cpu"] / value[count label, 1, "cpu"]
    }

    printf "\n"
}


function limits_rows() {
    printf "\n%-24s %8s %6s  %6s  %16s %13s %8s\n", "governance", "req/s", \
           "cpu us", "more", "cpu (min-max)", "instructions", "more"

    limits_row("off", "off")
    limits_row("keys", "a key")
    limits_row("counted", "a key, three limits")
    limits_row("limits", "a key, five limits")
    limits_row("logged", "and the usage log")
}


function hot_row(    keys, limits) {
    keys = "hot" SUBSEP order["hot"] SUBSEP "keys"
    limits = "hot" SUBSEP order["hot"] SUBSEP "limits"

    printf "\n%-24s %15s %15s\n", "one key, four workers", "no limits", \
           "five limits"

    ratios(keys, limits, "rate")

    printf "%-24s %15d %15d   aim 0.95%s %.2f (%.2f-%.2f)\n", "req/s", \
           column(keys, "rate"), column(limits, "rate"), \
           (ratio < 0.95 ? "*" : " "), ratio, low, high

    ratios(keys, limits, "cpu")

    printf "%-24s %15.2f %15.2f             %.2f (%.2f-%.2f)\n", "cpu us", \
           column(keys, "cpu"), column(limits, "cpu"), ratio, low, high
}


function dialect_cell(kind, name,    id, count) {
    id = "dialects" SUBSEP order["dialects"] SUBSEP kind ":" name
    count = "count." kind SUBSEP 1 SUBSEP name

    printf " %8.2f %9s", column(id, "cpu"), \
           (count in rounds ? sprintf("%d", value[count, 1, "cpu"]) : "-")
}


function dialect_rows(    i, n, list) {
    printf "\n%-26s %17s %19s\n", "dialects", "plain", \
           "stream of 100 events"
    printf "%-26s %8s %9s %8s %9s\n", "client, provider", \
           "cpu us", "instr.", "cpu us", "instr."

    n = split(dialects, list, " ")

    for (i = 1; i <= n; i++) {
        name = list[i]
        sub(/\./, " ", name)

        printf "%-26s", name
        dialect_cell("dplain", list[i])
        dialect_cell("dstream", list[i])
        printf "\n"
    }
}


function peers_row(what, conns, label,    id, direct) {
    id = what SUBSEP conns SUBSEP label
    direct = what SUBSEP conns SUBSEP "direct"

    printf "%-11s %-8s %5d %9d %9d %9d %+9d %+9d\n", label, \
           substr(what, 7), conns, column(id, "rate"), column(id, "p50"), \
           column(id, "p99"), column(id, "p50") - column(direct, "p50"), \
           column(id, "p99") - column(direct, "p99")
}


function peers_rows(what,    i, n, list) {
    n = split(order[what], list, " ")

    for (i = 1; i <= n; i++) {
        peers_row(what, list[i], "direct")
        peers_row(what, list[i], "gateway")
        peers_row(what, list[i], "litellm")
    }
}


function peers_all() {
    printf "\n%-11s %-8s conns %9s %9s %9s %9s %9s\n", "peers", "", \
           "req/s", "p50 us", "p99 us", "+p50", "+p99"

    peers_rows("peers.plain")
    peers_rows("peers.stream")

    printf "%-20s gateway %.1f MiB, litellm %.1f MiB\n", "memory", \
           value["peers.rss", 1, "gateway", 1, "cpu"], \
           value["peers.rss", 1, "litellm", 1, "cpu"]
}


BEGIN {
    # answers of a stream hold so many events, whatever its dialect adds

    per["stream"] = 100
    per["open"] = 100
}


$4 > 0 {
    id = $1 SUBSEP $2 SUBSEP $3

    if (!(($1, $2) in conns_seen)) {
        conns_seen[$1, $2] = 1
        order[$1] = order[$1] " " $2
        seen[$1] = 1
    }

    if ($1 == "dialects" && !(id in rounds) && sub(/^dplain:/, "", $3)) {
        dialects = dialects " " $3
    }

    r = ++rounds[id]
    n = $5 * ($1 in per ? per[$1] : 1)

    value[id, r, "rate"] = $6 > 0 ? n / $6 : 0
    value[id, r, "cpu"] = $7 / n
    value[id, r, "p50"] = $8
    value[id, r, "p99"] = $9

    memory[id] = $11
}


END {
    sub(/^ /, "", order["open"])

    rows("plain", "answers of 1 KB", "req/s")
    rows("large", "the same, prompts of 64 KB", "req/s")
    rows("stream", "streams of 100 events", "event/s")

    if ("open" in seen) {
        printf "\n%-18s %22s %25s %29s\n", "open streams", "proxy_pass", \
               "gateway", "gateway : proxy_pass"
        printf "%-11s conns  %8s cpu us     KiB  %8s cpu us     KiB   aim " \
               "  cpu     a stream\n", "", \
               "event/s", "event/s"
        open_row("same")
        open_row("translated")
    }

    if ("count.plain" in seen) {
        printf "\n%-18s %15s %25s %29s\n", "instructions", "proxy_pass", \
               "gateway", "gateway - proxy_pass"

        n = split("plain large stream", list, " ")

        for (i = 1; i <= n; i++) {
            count_row(list[i], "same")
            count_row(list[i], "translated")
        }
    }

    sub(/^ /, "", order["limits"])
    sub(/^ /, "", order["hot"])
    sub(/^ /, "", order["dialects"])

    if ("limits" in seen) {
        limits_rows()
    }

    if ("hot" in seen) {
        hot_row()
    }

    if ("dialects" in seen) {
        dialect_rows()
    }

    if ("peers.plain" in seen) {
        peers_all()
    }

    if (NR == 0 || "peers.plain" in seen) {
        exit
    }

    printf "\ncpu us: the worker's for one request, or event; its ratio is " \
           "how many of them the\nsame processor does.  * is short of the " \
           "aim.  Instructions are those of user space,\nfor one request.\n"
}
