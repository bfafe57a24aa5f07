// Anthropic's Node client through the gateway.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';

import Anthropic from '@anthropic-ai/sdk';

import { gateway, gone, harness, key, models, notes, picture, took, watched }
    from './harness.mjs';


// its version travels, so it is not the stand-in's own

const { test, over } = harness('anthropic ', 'anthropic', connect,
                               ['anthropic got "anthropic-version']);

const weather = {
    name: 'get_weather',
    input_schema: {
        type: 'object',
        properties: { city: { type: 'string' } },
        required: ['city'],
    },
};

const time = { name: 'get_time',
               input_schema: { type: 'object', properties: {} } };

const greeting = 'Hello, "world"!\nGr\u00fc\u00dfe \u4e16\u754c \u{1f600}\\ \t'
                 + '</s>';


function connect(options) {
    return new Anthropic({ baseURL: gateway, apiKey: key, maxRetries: 0,
                           fetch: watched, ...options });
}


const said = (content) => [{ role: 'user', content }];

const ask = (client, model, more) => client.messages.create({
    model, max_tokens: 999, messages: said('Hi there'), ...more });

const whole = (client, model, more) => client.messages.stream({
    model, max_tokens: 999, messages: said('Hi there'), ...more })
    .finalMessage();

const textOf = (message) => message.content
    .filter((block) => block.type === 'text')
    .map((block) => block.text).join('');

const callsOf = (message) => message.content
    .filter((block) => block.type === 'tool_use');


await over('plain', async (client, model, api) => {
    for (const options of [{}, { apiKey: null, authToken: key }]) {
        const answer = await ask(connect(options), model, {
            messages: said('Say "h\u00fc"'), system: 'Be kind.' });

        assert.equal(textOf(answer), 'You said: Say "h\u00fc".');
        assert.equal(answer.stop_reason, 'end_turn');
        assert.equal(answer.usage.input_tokens, 17);
        assert.equal(answer.usage.output_tokens, 9);
        assert.equal(answer._request_id, notes.at(-1).headers['request-id']);
    }

    assert.deepEqual((await took()).requests.map((r) => r.api), [api, api]);
});


await over('stream', async (client, model) => {
    const events = [];

    for await (const event of await ask(client, model + '.hello',
                                        { stream: true })) {
        events.push(event);
    }

    assert.equal(events[0].type, 'message_start');
    assert.equal(events.at(-1).type, 'message_stop');
    assert.equal(events.at(-2).usage.output_tokens, 9);
    assert.equal(events.filter((e) => e.type === 'content_block_delta')
                       .map((e) => e.delta.text).join(''), greeting);
});


await over('stream helper', async (client, model) => {
    for (const size of ['', '.split-1', '.split-3', '.split-64']) {
        const stream = client.messages.stream({
            model: model + (size || '.hello'), max_tokens: 9,
            messages: said('x') });
        let text = '';

        stream.on('text', (delta) => { text += delta; });

        const answer = await stream.finalMessage();

        assert.equal(text, greeting);
        assert.equal(textOf(answer), greeting);
        assert.equal(answer.usage.output_tokens, 9);
    }
});


for (const once of [ask, whole]) {
    await over(once === ask ? 'tools loop' : 'tools loop in streams',
               async (client, model) => {
        const messages = said('Rome and Tokyo?');
        const tools = [weather, time];

        let answer = await once(client, model + '.parallel',
                                { messages, tools });
        const calls = callsOf(answer);

        assert.equal(answer.stop_reason, 'tool_use');
        assert.deepEqual(calls.map((c) => [c.name, c.input]), [
            ['get_weather', { city: 'Rome' }],
            ['get_weather', { city: 'Tokyo' }],
            ['get_time', {}],
        ]);

        messages.push(
            { role: 'assistant', content: answer.content },
            { role: 'user', content: calls.map((c) => ({
                type: 'tool_result', tool_use_id: c.id, content: 'fine' })) });

        answer = await once(client, model + '.parallel', { messages, tools });

        assert.equal(textOf(answer), 'The tools said: '
            + calls.map((c) => c.id + '=fine').join('; '));
    });
}


await over('tool runner', async (client, model, api) => {
    const final = await client.beta.messages.toolRunner({
        model: model + '.tools', max_tokens: 99, messages: said('x'),
        tools: [{
            ...weather,
            run: (input) => 'rain in ' + input.city,
            parse: (input) => input,
        }],
    });

    // where the provider can, it holds the conversation

    const { requests, violations } = await took();

    assert.equal(requests.length, 2);
    assert(textOf(final).endsWith('=rain in Paris'), textOf(final));

    if (api === 'openai') {
        assert.deepEqual(violations, []);
        assert.deepEqual(requests[1].body.messages.map((m) => m.role),
                         ['user', 'assistant', 'tool']);
    }
});


await over('thinking', async (client, model, api) => {
    for (const once of [ask, whole]) {
        const answer = await once(client, model + '.thinking', {
            max_tokens: 2000,
            thinking: { type: 'enabled', budget_tokens: 1024 } });

        assert.equal(answer.content[0].thinking, 'Let me think');
        assert.equal(answer.content[0].signature,
                     api === 'anthropic' ? 'c2lnbmF0dXJlK2Jhc2U2NA==' : '');
        assert.equal(textOf(answer), 'Thought.');
    }
});


await over('images', async (client, model, api) => {
    const data = picture.split(',')[1];

    await ask(client, model, { messages: said([
        { type: 'image', source: { type: 'base64', media_type: 'image/png',
                                   data } },
        { type: 'text', text: 'What?' }]) });

    const [sent] = (await took()).requests[0].body.messages.at(-1).content;

    assert.equal(api === 'openai' ? sent.image_url.url : sent.source.data,
                 api === 'openai' ? picture : data);
});


await over('count', async (client, model, api) => {
    const { data, response } = await client.messages.countTokens({
        model, messages: said('Hi there'), tools: [weather] }).withResponse();
    const { requests } = await took();

    if (api === 'anthropic') {
        assert.equal(data.input_tokens, 2095);
        assert.equal(requests[0].path, '/v1/messages/count_tokens');

    } else {
        assert(data.input_tokens > 10 && data.input_tokens < 200);
        assert.equal(response.headers.get('x-llm-estimated'), '1');
        assert.equal(requests.length, 0);
    }
});


await over('errors', async (client, model) => {
    for (const [status, wanted, type] of [
        [400, Anthropic.BadRequestError, 'invalid_request_error'],
        [401, Anthropic.InternalServerError, 'api_error'],
        [404, Anthropic.NotFoundError, 'not_found_error'],
        [422, Anthropic.UnprocessableEntityError, 'invalid_request_error'],
        [429, Anthropic.RateLimitError, 'rate_limit_error'],
        [500, Anthropic.InternalServerError, 'api_error'],
        [503, Anthropic.APIError, 'overloaded_error'],
        [529, Anthropic.APIError, 'overloaded_error'],
    ]) {
        for (const stream of [false, true]) {
            await assert.rejects(
                ask(client, model + '.error-' + status, { stream }),
                (e) => {
                    assert(e instanceof wanted, `${status}: ${e}`);
                    assert.equal(e.type, type);
                    assert.equal(e.requestID,
                                 notes.at(-1).headers['x-request-id']);
                    return true;
                });
        }
    }

    assert.equal(notes.at(-1).status, 529);
});


await test('own errors', async (client) => {
    await assert.rejects(ask(connect({ apiKey: 'sk-x' }), models.openai),
                         Anthropic.AuthenticationError);
    await assert.rejects(ask(connect({ apiKey: process.env.SDK_NARROW }),
                             models.anthropic),
                         Anthropic.PermissionDeniedError);
    await assert.rejects(ask(client, 'nothing'), Anthropic.NotFoundError);
    await assert.rejects(ask(client, models.openai, { messages: [] }),
                         Anthropic.BadRequestError);

    assert.equal((await took()).requests.length, 0);
});


await over('a stream that breaks', async (client, model) => {
    for (const scenario of ['.cut-4', '.failing-4']) {
        const seen = [];

        await assert.rejects(async () => {
            for await (const event of await ask(client, model + scenario,
                                                { stream: true })) {
                seen.push(event.type);
            }
        }, (e) => {
            assert(e instanceof Anthropic.APIError, String(e));
            assert(['api_error', 'overloaded_error'].includes(e.type), e.type);
            return true;
        });

        assert.equal(seen[0], 'message_start');
        assert(!seen.includes('message_stop'));
    }
});


await over('retries', async (client, model) => {
    const answer = await ask(connect({ maxRetries: 2 }), model + '.once-503',
                             { metadata: { user_id: randomUUID() } });

    assert.equal(textOf(answer), 'Second time.');
    assert.deepEqual(notes.map((n) => n.status), [529, 200]);
});


await over('timeout', async (client, model) => {
    const user = randomUUID();

    await assert.rejects(
        ask(connect({ timeout: 400 }), model + '.slow-5',
            { metadata: { user_id: user } }),
        Anthropic.APIConnectionTimeoutError);

    assert.equal(await gone(user), true);

    await assert.rejects(ask(client, 'hasty/' + model + '.slow-3'),
                         (e) => e.status === 504 && e.type === 'timeout_error');
});


await over('abort', async (client, model) => {
    const user = randomUUID();

    // a copy for the judge would read on

    const stream = await ask(connect({ fetch }), model + '.long-0.05', {
        stream: true, metadata: { user_id: user } });

    for await (const event of stream) {
        if (event.type === 'content_block_delta') {
            break;
        }
    }

    assert.equal(await gone(user), true);
});


await over('silence', async (client, model) => {
    const answer = await whole(connect({ baseURL: gateway + '/patient' }),
                               model + '.slow-1.2');

    assert.equal(textOf(answer), 'At last.');
    assert((await notes[0].body).startsWith(': ping\n\n'));
    assert(!('x-llm-provider' in notes[0].headers));
});


await test('models', async (client) => {
    const ids = [];

    for await (const model of client.models.list()) {
        ids.push(model.id);
    }

    assert(ids.includes('gpt-4o-mini') && ids.includes('claude-sonnet-4-5'),
           String(ids));
    assert.equal((await client.models.retrieve('gpt-4o-mini')).type, 'model');

    await assert.rejects(client.models.retrieve('nothing'),
                         Anthropic.NotFoundError);
});


console.log('end\t[]');
