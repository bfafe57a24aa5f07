// What the suites of Node clients share.  Each test ends in a line
// "name<TAB>problems as JSON"; run.py counts them.

export const gateway = process.env.SDK_GATEWAY;
export const control = process.env.SDK_CONTROL;
export const picture = process.env.SDK_PICTURE;
export const key = process.env.SDK_KEY;

export const models = { openai: 'gpt-4o-mini',
                        anthropic: 'claude-sonnet-4-5' };

const only = process.env.SDK_ONLY;

export let notes = [];


// a copy of what the gateway answers, for the judge

export async function watched(url, init) {
    const response = await fetch(url, init);
    const note = {
        method: (init.method ?? 'GET').toUpperCase(),
        path: new URL(url).pathname,
        status: response.status,
        headers: Object.fromEntries(response.headers),
        sent: init.body ? JSON.parse(init.body) : {},
        body: null,
    };

    if (response.body === null) {
        return response;
    }

    const [mine, theirs] = response.body.tee();

    note.body = new Response(mine).text();
    notes.push(note);

    return new Response(theirs, response);
}


export async function took() {
    return (await fetch(control + '/take')).json();
}


export async function gone(user) {
    return (await fetch(control + '/gone?id=' + user)).json();
}


async function judged(note, api) {
    const body = await note.body;
    const answer = await fetch(control + '/judge', {
        method: 'POST',
        body: JSON.stringify({
            api,
            method: note.method,
            path: note.path,
            status: note.status,
            headers: note.headers,
            body,
            stream: note.sent.stream === true,
            asked_usage: note.sent.stream_options?.include_usage === true,
        }),
    });

    return answer.json();
}


// tests of a client: "connect" makes one that speaks "api"; what holds one of
// the words in "allowed" is no violation

export function harness(prefix, api, connect, allowed = []) {

    async function test(name, run) {
        name = prefix + name;

        if (only && !('node ' + name).includes(only)) {
            return;
        }

        let timer;
        const late = new Promise((resolve, reject) => {
            timer = setTimeout(() => reject(new Error('it did not end')),
                               30000);
        });
        const problems = [];

        notes = [];
        await took();

        try {
            await Promise.race([run(connect()), late]);

        } catch (e) {
            problems.push(e.stack);
        }

        clearTimeout(timer);

        for (const note of notes) {
            problems.push(...await judged(note, api));
        }

        problems.push(...(await took()).violations);
        console.log(name + '\t' + JSON.stringify(problems.filter(
            (line) => !allowed.some((word) => line.includes(word)))));
    }

    async function over(name, run) {
        for (const provider of Object.keys(models)) {
            await test(`${name}(${provider})`,
                       (client) => run(client, models[provider], provider));
        }
    }

    return { test, over };
}
