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


# what the gateway needs for one of proxy_pass, round by round

function ratios(proxy, gateway, name,    r, n, list) {
    n = rounds[gateway]

    for (r = 1; r <= n; r++) {
        list[r] = value[gateway, r, name] / value[proxy, r, name]
    }

    ratio = median(list, n)
    low = list[1]
    high = list[n]
}


function title(text, unit) {
    printf "\n%-27s %-23s %-23s %s\n", text, "proxy_pass", "gateway", \
           "gateway / proxy_pass"
    printf "%-11s conns  aim   %9s cpu us  p50us %9s cpu us  p50us " \
           " %s  (min-max)   cpu  +p50  +p99\n", "", unit, unit, \
           substr(unit "       ", 1, 7)
}


function aim(what, dialect) {
    if (what == "stream") {
        return 0.85
    }

    return dialect == "same" ? 0.95 : 0.85
}


function row(what, conns, dialect,    proxy, gateway, u) {
    proxy = what SUBSEP conns SUBSEP dialect ".proxy"
    gateway = what SUBSEP conns SUBSEP dialect ".gateway"

    if (!(gateway in rounds)) {
        return
    }

    ratios(proxy, gateway, "cpu")
    u = ratio

    ratios(proxy, gateway, "rate")

    printf "%-11s %5d %5.2f%s %9d %6.1f %6d %9d %6.1f %6d   %.2f  " \
           "(%.2f-%.2f) %5.2f %+5d %+5d\n", \
           dialect, conns, aim(what, dialect), \
           (ratio < aim(what, dialect) ? "*" : " "), \
           column(proxy, "rate"), column(proxy, "cpu"), \
           column(proxy, "p50"), \
           column(gateway, "rate"), column(gateway, "cpu"), \
           column(gateway, "p50"), \
           ratio, low, high, u, \
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

    printf "%-11s %5d    16%s %9d %6.1f %6.1f %9d %6.1f %6.1f   " \
           "%+.1f KiB  %12.2f %+5d %+5d\n", \
           dialect, order["open"], (more > 16 ? "*" : " "), \
           value[proxy, 1, "rate"], value[proxy, 1, "cpu"], memory[proxy], \
           value[gateway, 1, "rate"], value[gateway, 1, "cpu"], \
           memory[gateway], more, \
           value[gateway, 1, "cpu"] / value[proxy, 1, "cpu"], \
           value[gateway, 1, "p50"] - value[proxy, 1, "p50"], \
           value[gateway, 1, "p99"] - value[proxy, 1, "p99"]
}


function count_row(what, dialect,    proxy, gateway) {
    proxy = "count." what SUBSEP 1 SUBSEP dialect ".proxy"
    gateway = "count." what SUBSEP 1 SUBSEP dialect ".gateway"

    printf "%-11s %-11s %14d %23d %+13d\n", dialect, what, \
           value[proxy, 1, "cpu"] * unit[what], \
           value[gateway, 1, "cpu"] * unit[what], \
           (value[gateway, 1, "cpu"] - value[proxy, 1, "cpu"]) * unit[what]
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
        printf "\n%-27s %-23s %-23s %s\n", "open streams", "proxy_pass", \
               "gateway", "gateway - proxy_pass"
        printf "%-11s conns  aim     event/s cpu us    KiB   event/s " \
               "cpu us    KiB   a stream              cpu  +p50  +p99\n", ""
        open_row("same")
        open_row("translated")
    }

    if ("count.plain" in seen) {
        for (c in seen) {
            unit[substr(c, 7)] = 1
        }

        printf "\n%-33s %-23s %-11s %s\n", \
               "instructions in user space", "proxy_pass", "gateway", \
               "more by"

        for (i = split("plain large stream", list, " "); i > 0; i--) {
            wanted[i] = list[i]
        }

        for (i = 1; i <= 3; i++) {
            count_row(wanted[i], "same")
            count_row(wanted[i], "translated")
        }
    }

    printf "\nTimes are microseconds, cpu is the worker's for one request, " \
           "or event; * is short of the aim.\n"
}
