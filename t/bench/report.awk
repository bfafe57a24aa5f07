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

    printf "\ncpu us: the worker's for one request, or event; its ratio is " \
           "how many of them the\nsame processor does.  * is short of the " \
           "aim.  Instructions are those of user space,\nfor one request.\n"
}
