// The official Node client through the gateway.

import assert from 'node:assert/strict';

import OpenAI from 'openai';

import { gateway, gone, harness, key, models, notes, picture, took, watched }
    from './harness.mjs';


const { test, over } = harness('', 'openai', connect);

const weather = {
    type: 'function',
    function: {
        name: 'get_weather',
        parameters: {
            type: 'object',
            properties: { city: { type: 'string' } },
            required: ['city'],
        },
    },
};

const time = {
    type: 'function',
    function: { name: 'get_time', parameters: { type: 'object',
                                                properties: {} } },
};

const meeting = { name: 'Science fair', day: 'friday', guests: ['Al', 'Bo'] };


function connect(options) {
    return new OpenAI({ baseURL: gateway + '/v1', apiKey: key,
                        maxRetries: 0, fetch: watched, ...options });
}


const said = (content) => [{ role: 'user', content }];


await over('plain', async (client, model) => {
    const answer = await client.chat.completions.create({
        model, messages: said('Say "h\u00fc"') });

    assert.equal(answer.choices[0].message.content,
                 'You said: Say "h\u00fc".');
    assert.equal(answer.choices[0].finish_reason, 'stop');
    assert.equal(answer.usage.total_tokens, 26);
});


await over('stream', async (client, model) => {
    const stream = await client.chat.completions.create({
        model, messages: said('Count'), stream: true });
    let text = '';

    for await (const chunk of stream) {
        text += chunk.choices[0].delta.content ?? '';
    }

    assert.equal(text, 'You said: Count.');
});


await over('usage in a stream', async (client, model) => {
    const stream = await client.chat.completions.create({
        model, messages: said('Count'), stream: true,
        stream_options: { include_usage: true } });
    const chunks = [];

    for await (const chunk of stream) {
        chunks.push(chunk);
    }

    assert.deepEqual(chunks.at(-1).choices, []);
    assert.equal(chunks.at(-1).usage.prompt_tokens, 17);
});


await over('stream helper', async (client, model) => {
    const stream = client.chat.completions.stream({
        model: model + '.parallel', messages: said('Rome and Tokyo?'),
        tools: [weather, time] });
    const answer = await stream.finalChatCompletion();
    const calls = answer.choices[0].message.tool_calls;

    assert.deepEqual(calls.map((c) => c.function.name),
                     ['get_weather', 'get_weather', 'get_time']);
    assert.deepEqual(calls.map((c) => JSON.parse(c.function.arguments)),
                     [{ city: 'Rome' }, { city: 'Tokyo' }, {}]);
    assert.equal(answer.choices[0].finish_reason, 'tool_calls');
});


for (const stream of [false, true]) {
    await over(stream ? 'tools loop in streams' : 'tools loop',
               async (client, model, api) => {
        const asked = [];
        const runner = client.chat.completions.runTools({
            model: model + '.parallel', stream,
            messages: said('Rome and Tokyo?'),
            tools: [{
                type: 'function',
                function: {
                    ...weather.function,
                    parse: JSON.parse,
                    function: (args) => {
                        asked.push(args.city);
                        return 'sun in ' + args.city;
                    },
                },
            }, {
                type: 'function',
                function: { ...time.function, function: () => 'noon' },
            }],
        });
        const text = await runner.finalContent();

        assert.deepEqual(asked, ['Rome', 'Tokyo']);
        assert.match(text, /^The tools said: .*noon$/);

        if (api === 'anthropic') {
            assert.match(text, /=sun in Rome; .*=sun in Tokyo; /);
        }

        const { requests } = await took();
        assert.deepEqual(requests.map((r) => r.api), [api, api]);
    });
}


await over('output after a schema', async (client, model) => {
    const answer = await client.chat.completions.parse({
        model: model + '.json', messages: said('When?'),
        response_format: {
            type: 'json_schema',
            json_schema: {
                name: 'meeting',
                strict: true,
                schema: {
                    type: 'object',
                    properties: {
                        name: { type: 'string' },
                        day: { type: 'string' },
                        guests: { type: 'array', items: { type: 'string' } },
                    },
                    required: ['name', 'day', 'guests'],
                    additionalProperties: false,
                },
            },
        } });

    assert.deepEqual(JSON.parse(answer.choices[0].message.content), meeting);
});


await over('images', async (client, model, api) => {
    await client.chat.completions.create({ model, messages: said([
        { type: 'text', text: 'See' },
        { type: 'image_url', image_url: { url: picture } },
        { type: 'image_url', image_url: { url: 'https://example.com/a.png' } },
    ]) });

    const parts = (await took()).requests[0].body.messages[0].content;

    if (api === 'openai') {
        assert.equal(parts[1].image_url.url, picture);
        return;
    }

    assert.equal('data:image/png;base64,' + parts[1].source.data, picture);
    assert.equal(parts[2].source.url, 'https://example.com/a.png');
});


await test('a wrong key', async () => {
    const client = connect({ apiKey: 'sk-nobody', maxRetries: 2 });

    await assert.rejects(client.models.list(), (e) => {
        assert(e instanceof OpenAI.AuthenticationError, e.stack);
        assert.equal(e.code, 'invalid_api_key');
        return true;
    });

    assert.equal(notes.length, 1);
});


await test('a model that the key may not use', async () => {
    const client = connect({ apiKey: process.env.SDK_NARROW, maxRetries: 2 });

    await assert.rejects(
        client.chat.completions.create({ model: models.anthropic,
                                         messages: said('x') }),
        OpenAI.PermissionDeniedError);

    assert.equal(notes.length, 1);
});


await test('a quota that is used up', async () => {
    const client = connect({ apiKey: process.env.SDK_POOR, maxRetries: 2 });

    await assert.rejects(
        client.chat.completions.create({ model: 'gpt-4o-mini',
                                         messages: said('x') }),
        (e) => e instanceof OpenAI.RateLimitError
               && e.code === 'insufficient_quota');

    assert.equal(notes.length, 1);
});


const failures = [
    ['error-400', OpenAI.BadRequestError, 400],
    ['context', OpenAI.BadRequestError, 400, 'context_length_exceeded'],
    ['error-404', OpenAI.NotFoundError, 404, 'model_not_found'],
    ['error-401', OpenAI.InternalServerError, 502, 'provider_auth'],
    ['throttled-9', OpenAI.RateLimitError, 429, 'provider_rate_limit'],
    ['error-500', OpenAI.InternalServerError, 502, 'provider_error'],
    ['error-529', OpenAI.InternalServerError, 503, 'overloaded'],
    ['html-200', OpenAI.InternalServerError, 502, 'provider_error'],
];

for (const [scenario, kind, status, code] of failures) {
    await over('provider says ' + scenario, async (client, model) => {
        for (const stream of [false, true]) {
            await assert.rejects(
                client.chat.completions.create({
                    model: `${model}.${scenario}`, messages: said('x'),
                    stream }),
                (e) => {
                    assert(e instanceof kind, e.stack);
                    assert.equal(e.status, status);
                    assert(code === undefined || e.code === code, e.code);
                    assert.match(e.requestID, /^req_/);
                    return true;
                });
        }
    });
}


await test('unknown model, wrong request', async (client) => {
    await assert.rejects(
        client.chat.completions.create({ model: 'llama', messages: said('x') }),
        OpenAI.NotFoundError);

    await assert.rejects(
        client.chat.completions.create({ model: 'gpt-4o', messages: 'x' }),
        (e) => e instanceof OpenAI.BadRequestError && e.param === 'messages');
});


await over('a retry', async (client, model, api) => {
    const answer = await connect({ maxRetries: 1 }).chat.completions.create({
        model: model + '.once-503', user: 'node-retry-' + api,
        messages: said('x') });

    assert.equal(answer.choices[0].message.content, 'Second time.');
    assert.deepEqual(notes.map((n) => n.status), [503, 200]);
});


await over('a stream that breaks off', async (client, model) => {
    for (const scenario of ['cut-6', 'failing-6']) {
        let text = '';

        await assert.rejects(async () => {
            const stream = await client.chat.completions.create({
                model: `${model}.${scenario}`, messages: said('x'),
                stream: true });

            for await (const chunk of stream) {
                text += chunk.choices[0].delta.content ?? '';
            }
        }, OpenAI.APIError);

        assert.notEqual(text, '');
    }
});


await over('timeout', async (client, model, api) => {
    const user = 'node-timeout-' + api;

    await assert.rejects(
        connect({ timeout: 1000 }).chat.completions.create({
            model: model + '.slow-20', user, messages: said('x') }),
        OpenAI.APIConnectionTimeoutError);

    assert.equal(await gone(user), true);
});


await over('abort of a stream', async (client, model, api) => {
    const user = 'node-abort-' + api;

    // without the copy of the answer, which would go on reading

    const stream = await connect({ fetch }).chat.completions.create({
        model: model + '.long-0.05', user, messages: said('x'),
        stream: true });

    for await (const chunk of stream) {
        if (chunk.choices[0].delta.content === 'word3 ') {
            stream.controller.abort();
        }
    }

    assert.equal(await gone(user), true);
});


await over('headers', async (client, model, api) => {
    const { data, response, request_id } = await client.chat.completions
        .create({ model, messages: said('x') },
                { headers: { 'x-request-id': 'node-1' } })
        .withResponse();

    assert.equal(data.choices[0].message.content, 'You said: x.');
    assert.equal(request_id, 'node-1');
    assert.equal(response.headers.get('x-llm-provider'), api);
    assert.equal(response.headers.get('x-llm-model'), model);
    assert.equal(response.headers.get('x-llm-attempts'), '1');
});


await test('models', async (client) => {
    const ids = [];

    for await (const model of client.models.list()) {
        ids.push(model.id);
    }

    assert(ids.includes('gpt-4o-mini') && ids.includes('claude-sonnet-4-5'),
           String(ids));

    const model = await client.models.retrieve('gpt-4o-mini');
    assert.equal(model.object, 'model');

    await assert.rejects(client.models.retrieve('nothing'),
                         OpenAI.NotFoundError);
});


console.log('end\t[]');
