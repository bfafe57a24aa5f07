"""Writes what the stand-ins say into files, for a server that only serves them.

    answers.py DIR ADDRESS PIECES

DIR gets answers/NAME-plain and -stream of each provider, the stream's text cut
into so many PIECES; answers.conf, the locations that serve them at ADDRESS to
whoever posts; providers.conf, the gateway's side: models NAME-plain and
NAME-stream; and names, a line each.
"""

import os
import sys

import providers
import scenes


LOCATION = """
location ^~ /%(name)s/ {
    error_page  405 =200 /answers/%(name)s;
    return      405;
}

location = /answers/%(name)s {
    default_type  %(type)s;
    types         { }
    root          %(folder)s;
    %(more)s
}
"""

# a stream has no length

STREAM = "ssi on; ssi_types *;"

PROVIDER = """
llm_provider %(name)s { %(conf)s }
llm_model %(name)s    { deployment %(name)s %(model)s; }
"""

# conf() names a server of this machine by a port

PORT = 1


def write(folder, name, data):
    with open(os.path.join(folder, name), "wb") as f:
        f.write(data if isinstance(data, bytes) else data.encode())


def main(folder, address, pieces):
    scenes.ANSWER = ["piece %d, " % (i % 10) for i in range(int(pieces))]

    os.makedirs(os.path.join(folder, "answers"), exist_ok=True)
    locations = gateway = ""

    for p in providers.ALL:
        key = os.path.join(folder, p.name + ".key")
        write(folder, p.name + ".key", p.key)
        os.chmod(key, 0o600)

        for way, data, kind in (("plain", p.plain("text"), p.json_type),
                                ("stream", p.stream("text"), p.stream_type)):
            name = p.name + "-" + way
            write(os.path.join(folder, "answers"), name, data)

            conf = p.conf(PORT).replace("127.0.0.1:%d" % PORT,
                                        address + "/" + name)
            conf = conf.replace("env:CROSS_" + p.name.upper().replace("-", "_"),
                                "file:" + key)

            locations += LOCATION % {"name": name, "type": kind,
                                     "folder": folder,
                                     "more": STREAM if way == "stream" else ""}
            gateway += PROVIDER % {"name": name, "conf": conf,
                                   "model": p.model}

    write(folder, "answers.conf", locations)
    write(folder, "providers.conf", gateway)
    write(folder, "names", "".join(p.name + "\n" for p in providers.ALL))


main(*sys.argv[1:])
