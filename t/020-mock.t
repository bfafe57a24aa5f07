# The stand-in provider, asked without a gateway.

use strict;
use warnings;

use Test::Nginx::Socket;

add_block_preprocessor(sub {
    my $block = shift;

    if (defined $block->must_die) {
        $block->set_value("suppress_stderr", "");
        return;
    }

    if (!defined $block->no_error_log && !defined $block->error_log) {
        $block->set_value("no_error_log", "[error]\n[crit]\n[alert]");
    }
});

# a start that is refused is expected here

$SIG{__WARN__} = sub {
    warn @_ unless $_[0] =~ /^WARNING: .*\[emerg\]/;
};

# a mock counts the requests of a worker: no block runs twice

repeat_each(1);
plan tests => 275;

no_long_string();
no_shuffle();
run_tests();

__DATA__

=== TEST 1: plain, openai: the last user message comes back, escapes untouched
--- config
    location /v1/ { llm_mock openai; }
--- request
POST /v1/chat/completions
{"model":"m","messages":[{"role":"user","content":"no"},{"role":"user","content":"a \u00e9\n\"b\""}]}
--- response_headers
Content-Type: application/json
--- response_body_like eval
qr/^\{"id":"mock","object":"chat\.completion".*"model":"m".*"content":"echo: a \\u00e9\\n\\"b\\"".*"finish_reason":"stop".*"completion_tokens":3,/



=== TEST 2: stream, openai: one event a word, no usage unless asked for
--- config
    location /v1/ { llm_mock openai; }
--- request
POST /v1/chat/completions
{"model":"m","stream":true,"messages":[{"role":"user","content":"two words"}]}
--- response_headers
Content-Type: text/event-stream
--- response_body_like eval
qr/^data: [^\n]*"role":"assistant"[^\n]*\n
\ndata:\ [^\n]*"content":"echo:"[^\n]*\n
\ndata:\ [^\n]*"content":"\ two"[^\n]*\n
\ndata:\ [^\n]*"content":"\ words"[^\n]*\n
\ndata:\ [^\n]*"finish_reason":"stop"[^\n]*\n
\ndata:\ \[DONE\]\n\n$/x
--- response_body_unlike eval
qr{prompt_tokens}



=== TEST 3: stream, openai: usage where it is asked for
--- config
    location /v1/ { llm_mock openai prompt_tokens=7 cached_tokens=3; }
--- request
POST /v1/chat/completions
{"model":"m","stream":true,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":"x"}]}
--- response_body_like eval
qr/"choices":\[\],"usage":\{"prompt_tokens":7,"completion_tokens":2,"total_tokens":9,.*"cached_tokens":3.*\n\ndata: \[DONE\]\n\n$/



=== TEST 4: plain, anthropic
--- config
    location /v1/ { llm_mock anthropic; }
--- request
POST /v1/messages
{"model":"c","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}
--- response_body_like eval
qr/^\{"id":"[^"]*mock".*"type":"message".*"model":"c".*"text":"echo: hi".*"stop_reason":"end_turn".*"output_tokens":2/



=== TEST 5: stream, anthropic: its events in their order
--- config
    location /v1/ { llm_mock anthropic pings=1; }
--- request
POST /v1/messages
{"model":"c","max_tokens":9,"stream":true,"messages":[{"role":"user","content":"hi"}]}
--- response_body_like eval
qr/^event:\ message_start\n.*
\n\nevent:\ ping\n.*
\n\nevent:\ content_block_start\n.*
\n\nevent:\ content_block_delta\n.*"text":"echo:".*
\n\nevent:\ content_block_delta\n.*"text":"\ hi".*
\n\nevent:\ content_block_stop\n.*
\n\nevent:\ message_delta\n.*"end_turn".*"output_tokens":2.*
\n\nevent:\ message_stop\n.*\n\n$/xs



=== TEST 6: answers made once: the body is not parsed, a nested "stream" is none
--- config
    location /v1/ { llm_mock openai model=fix "text=all the same"; }
--- request
POST /v1/chat/completions
{"a":{"stream":true},"b":["\\\"stream\": true\\",{"stream":true}], "c":"\"stream\": true,", "stream" : false, not json
--- response_headers
Content-Type: application/json
--- response_body_like eval
qr/"model":"fix".*"content":"all the same".*"prompt_tokens":10,"completion_tokens":3,/



=== TEST 7: answers made once: "stream" and "include_usage" are found
--- config
    location /v1/ { llm_mock openai model=fix size=12 events=3; }
--- request
POST /v1/chat/completions
{"messages":[{"content":"\\"}], "stream_options" : {"x":"}","include_usage" : true}, "stream" :
 true }
--- response_headers
Content-Type: text/event-stream
--- response_body_like eval
qr/"content":"one two three four".*"content":" five six seven eight".*"content":" nine ten one two".*"completion_tokens":12.*\[DONE\]/s



=== TEST 8: answers made once: "include_usage" counts in "stream_options" only
--- config
    location /v1/ { llm_mock openai model=fix size=1; }
--- request
POST /v1/chat/completions
{"stream_options":{"a":{"include_usage":true}},"include_usage":true,"o":{"include_usage":true},"stream":true}
--- response_body_like eval
qr{\[DONE\]}
--- response_body_unlike eval
qr{prompt_tokens}



=== TEST 9: a tool is called, the request's first
--- config
    location /v1/ { llm_mock openai tool=* 'args={"city": "Oslo"}'; }
--- request
POST /v1/chat/completions
{"model":"m","messages":[{"role":"user","content":"x"}],"tools":[{"type":"function","function":{"name":"weather","parameters":{"type":"object"}}}]}
--- response_body_like eval
qr/"tool_calls":\[\{"id":"call_1","type":"function","function":\{"name":"weather","arguments":"\{\\"city\\": ?\\"Oslo\\"\}"\}\}\].*"finish_reason":"tool_calls"/



=== TEST 10: parallel calls in a stream, arguments in fragments
--- config
    location /v1/ { llm_mock openai tool=weather 'args={"c":1}' calls=2; }
--- request
POST /v1/chat/completions
{"model":"m","stream":true,"messages":[{"role":"user","content":"x"}],"tools":[{"type":"function","function":{"name":"weather","parameters":{"type":"object"}}}]}
--- response_body_like eval
qr/"index":0,"id":"call_1".*"arguments":"\{".*"arguments":"\\"c\\":1\}".*"index":1,"id":"call_2".*"arguments":"\{".*"arguments":"\\"c\\":1\}".*"finish_reason":"tool_calls"/s



=== TEST 11: no call without tools, none after a tool's result
--- config
    location /v1/ { llm_mock openai tool=*; }
--- request eval
[
'POST /v1/
{"model":"m","messages":[{"role":"user","content":"x"}]}',
'POST /v1/
{"model":"m","messages":[{"role":"user","content":"x"},{"role":"assistant","content":null,"tool_calls":[{"id":"1","type":"function","function":{"name":"w","arguments":"{}"}}]},{"role":"tool","tool_call_id":"1","content":"rain"}],"tools":[{"type":"function","function":{"name":"w","parameters":{"type":"object"}}}]}'
]
--- response_body_like eval
[ qr/"content":"echo: x".*"finish_reason":"stop"/,
  qr/"content":"echo: x".*"finish_reason":"stop"/ ]



=== TEST 12: reasoning and a tool call, anthropic
--- config
    location /v1/ { llm_mock anthropic "reasoning=let me see" tool=w; }
--- request
POST /v1/messages
{"model":"c","max_tokens":9,"messages":[{"role":"user","content":"x"}],"tools":[{"name":"w","input_schema":{"type":"object"}}]}
--- response_body_like eval
qr/"thinking":"let me see".*"type":"tool_use","id":"[^"]+","name":"w","input":\{\}.*"stop_reason":"tool_use"/



=== TEST 13: text with variables, those of the request's body among them
--- config
    location /v1/ {
        llm_mock openai "text=$http_x_t|$llm_request_model|$llm_last_message";
    }
--- request
POST /v1/
{"model":"m","messages":[{"role":"user","content":"\u00e9 x"}]}
--- more_headers
X-T: "q"
--- response_body_like eval
qr/"content":"\\"q\\"\|m\|\xc3\xa9 x"/



=== TEST 14: a status, in the dialect's shape
--- config
    location /o/ {
        llm_mock openai status=400 code=context_length_exceeded
                 "message=the \"prompt\" is too long";
    }
    location /a/ { llm_mock anthropic status=529; }
--- request eval
[ "POST /o/\n{}", "POST /a/\n{}" ]
--- error_code eval
[ 400, 529 ]
--- response_body eval
[
'{"error":{"message":"the \"prompt\" is too long","type":"invalid_request_error","param":null,"code":"context_length_exceeded"}}',
'{"type":"error","error":{"type":"overloaded_error","message":"the server is overloaded, try again later"},"request_id":null}'
]



=== TEST 15: retry_after
--- config
    location /v1/ { llm_mock openai status=429 retry_after=7; }
--- request
POST /v1/
{}
--- error_code: 429
--- response_headers
Retry-After: 7
--- response_body_like eval
qr{rate_limit_exceeded}



=== TEST 16: times= and every=: only some requests of a worker fail
--- config
    location /t/ { llm_mock openai model=m size=1 status=500 times=2; }
    location /e/ { llm_mock openai model=m size=1 status=500 every=3; }
--- request eval
[ ("POST /t/\n{}") x 3, ("POST /e/\n{}") x 6 ]
--- error_code eval
[ 500, 500, 200, 200, 200, 500, 200, 200, 500 ]



=== TEST 17: fail=close
--- config
    location /t { proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/m; }
    location /m { llm_mock openai fail=close; }
--- request
POST /t
{"model":"m","messages":[{"role":"user","content":"x"}]}
--- error_code: 502
--- error_log
upstream prematurely closed connection while reading response header



=== TEST 18: fail=reset
--- config
    location /t { proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/m; }
    location /m { llm_mock openai fail=reset; }
--- request
POST /t
{"model":"m","messages":[{"role":"user","content":"x"}]}
--- error_code: 502
--- error_log
Connection reset by peer) while reading response header



=== TEST 19: fail=stall
--- config
    location /t {
        proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/m;
        proxy_read_timeout 200ms;
    }
    location /m { llm_mock openai fail=stall; }
--- request
POST /t
{"model":"m","messages":[{"role":"user","content":"x"}]}
--- error_code: 504
--- error_log
timed out) while reading response header



=== TEST 20: fail=cut, a stream: what came before is there
--- config
    location /t {
        proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/m;
        proxy_buffering off;
        proxy_http_version 1.0;
    }
    location /m { llm_mock openai fail=cut after=3 size=5; }
--- request
POST /t
{"model":"m","stream":true,"messages":[{"role":"user","content":"x"}]}
--- response_body_like eval
qr/^data: [^\n]*"role":"assistant"[^\n]*\n\ndata: [^\n]*"one"[^\n]*\n\ndata: [^\n]*" two"[^\n]*\n\n$/



=== TEST 21: fail=cut, a plain body
--- config
    location /t {
        proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/m;
    }
    location /m { llm_mock openai fail=cut; }
--- request
POST /t
{"model":"m","messages":[{"role":"user","content":"x"}]}
--- ignore_response
--- error_log
upstream prematurely closed connection while reading upstream



=== TEST 22: fail=cut after=0: a header and nothing else
--- config
    location /t {
        proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/m;
        proxy_http_version 1.0;
    }
    location /m { llm_mock openai fail=cut after=0; }
--- request
POST /t
{"model":"m","stream":true,"messages":[{"role":"user","content":"x"}]}
--- response_headers
Content-Type: text/event-stream
--- response_body



=== TEST 23: fail=hang, with and without a body before
--- config
    location /t {
        proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/m/;
        proxy_read_timeout 200ms;
        proxy_buffering off;
    }
    location /m/1 { llm_mock openai fail=hang; }
    location /m/0 { llm_mock openai fail=hang after=0; }
--- request eval
[ 'POST /t1
{"model":"m","stream":true,"messages":[{"role":"user","content":"x"}]}',
'POST /t0
{"model":"m","stream":true,"messages":[{"role":"user","content":"x"}]}' ]
--- ignore_response
--- error_log
timed out) while reading upstream
--- no_error_log
while reading response header



=== TEST 24: fail=end: a stream without its end mark
--- config
    location /v1/ { llm_mock openai fail=end after=3 size=9; }
--- request
POST /v1/
{"model":"m","stream":true,"messages":[{"role":"user","content":"x"}]}
--- response_body_like eval
qr/"one".*" two"[^\n]*\n\n$/s
--- response_body_unlike eval
qr{three|DONE}



=== TEST 25: fail=end: a plain body that is no JSON
--- config
    location /v1/ { llm_mock openai fail=end; }
--- request
POST /v1/
{"model":"m","messages":[{"role":"user","content":"x"}]}
--- response_body_like eval
qr/^\{"id":"mock".*[^}]$/



=== TEST 26: fail=error
--- config
    location /o { llm_mock openai fail=error "message=no more"; }
    location /a { llm_mock anthropic fail=error after=0; }
--- request eval
[ 'POST /o
{"model":"m","stream":true,"messages":[{"role":"user","content":"x"}]}',
'POST /o
{"model":"m","messages":[{"role":"user","content":"x"}]}',
'POST /a
{"model":"m","max_tokens":1,"stream":true,"messages":[{"role":"user","content":"x"}]}'
]
--- response_body_like eval
[ qr/^data: [^\n]*"role"[^\n]*\n\ndata: [^\n]*"echo:"[^\n]*\n\ndata: \{"error":\{"message":"no more"[^\n]*\n\n$/,
  qr/^\{"error":\{"message":"no more",/,
  qr/^event: error\ndata: \{"type":"error"[^\n]*\n\n$/ ]



=== TEST 27: fail=garbage
--- config
    location /v1/ { llm_mock openai fail=garbage; }
--- request
POST /v1/
{"model":"m","messages":[{"role":"user","content":"x"}]}
--- response_headers
Content-Type: text/html
--- response_body_like eval
qr{<html>}



=== TEST 28: chunk=: pieces of so many bytes, and nothing behind the last
--- config
    location /v1/ { llm_mock openai chunk=7 chunk_delay=1ms length=off text=abc; }
--- request
POST /v1/
{"model":"m","messages":[{"role":"user","content":"x"}]}
--- response_headers
Transfer-Encoding: chunked
--- response_body_like eval
qr/^\{"id":"mock".*"content":"abc".*\}\}$/



=== TEST 29: chunk_delay= is between the events of a stream
--- config
    location /t {
        proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/m;
        proxy_read_timeout 200ms;
        proxy_buffering off;
    }
    location /m { llm_mock openai chunk_delay=2s; }
--- request
POST /t
{"model":"m","stream":true,"messages":[{"role":"user","content":"x"}]}
--- ignore_response
--- error_log
timed out) while reading upstream



=== TEST 30: delay= is before the answer
--- config
    location /t {
        proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/m;
        proxy_read_timeout 200ms;
    }
    location /m { llm_mock openai delay=2s; }
--- request
POST /t
{"model":"m","messages":[{"role":"user","content":"x"}]}
--- error_code: 504
--- error_log
timed out) while reading response header



=== TEST 31: a client that leaves ends the wait
--- config
    location /v1/ { llm_mock openai delay=60s; }
--- request
POST /v1/
{"model":"m","messages":[{"role":"user","content":"x"}]}
--- abort
--- timeout: 0.2
--- wait: 0.2
--- ignore_response
--- error_log
client prematurely closed connection



=== TEST 32: models
--- config
    location /v1/ { llm_mock openai model=m/1; }
--- request
GET /v1/models
--- response_body_like eval
qr{^\{"object":"list","data":\[\{"id":"m/1","object":"model",}



=== TEST 33: other URLs and methods
--- config
    location /v1/ { llm_mock openai; }
--- request eval
[ "GET /v1/x", "PUT /v1/chat/completions\n{}" ]
--- error_code eval
[ 404, 405 ]
--- response_body_like eval
[ qr/"code":"unknown_url"/, qr/"code":"method_not_allowed"/ ]



=== TEST 34: a request that is none is refused as the dialect does it
--- config
    location /o { llm_mock openai; }
    location /a { llm_mock anthropic; }
--- request eval
[ "POST /o\n{x", "POST /a\n{}" ]
--- error_code eval
[ 400, 400 ]
--- response_body_like eval
[ qr/^\{"error":\{"message":".*","type":"invalid_request_error"/,
  qr/^\{"type":"error","error":\{"type":"invalid_request_error"/ ]



=== TEST 35: a body in a temporary file
--- config
    location /v1/ { llm_mock openai; client_body_buffer_size 1k; }
--- request eval
'POST /v1/
{"model":"m","messages":[{"role":"user","content":"' . ('x' x 20000) . '"}]}'
--- response_body_like eval
'"content":"echo: x{20000}"'
--- error_log
a client request body is buffered to a temporary file



=== TEST 36: usage=off
--- config
    location /v1/ { llm_mock openai usage=off; }
--- request
POST /v1/
{"model":"m","messages":[{"role":"user","content":"x"}]}
--- response_body_unlike eval
qr{"completion_tokens":[1-9]}



=== TEST 37: finish=
--- config
    location /v1/ { llm_mock openai finish=length; }
--- request
POST /v1/
{"model":"m","messages":[{"role":"user","content":"x"}]}
--- response_body_like eval
qr{"finish_reason":"length"}



=== TEST 38: unknown dialect
--- config
    location /v1/ { llm_mock esperanto; }
--- must_die
--- error_log
unknown dialect "esperanto", it must be "openai" or "anthropic"



=== TEST 39: unknown option
--- config
    location /v1/ { llm_mock openai colour=red; }
--- must_die
--- error_log
invalid parameter "colour=red"



=== TEST 40: no option at all
--- config
    location /v1/ { llm_mock openai fast; }
--- must_die
--- error_log
invalid parameter "fast", name=value is expected



=== TEST 41: bad number
--- config
    location /v1/ { llm_mock openai events=0; }
--- must_die
--- error_log
invalid value in "events=0"



=== TEST 42: bad word
--- config
    location /v1/ { llm_mock openai fail=sometimes; }
--- must_die
--- error_log
invalid value in "fail=sometimes"



=== TEST 43: bad status
--- config
    location /v1/ { llm_mock openai status=600; }
--- must_die
--- error_log
invalid value in "status=600"



=== TEST 44: text= and size=
--- config
    location /v1/ { llm_mock openai text=a size=1; }
--- must_die
--- error_log
"text" and "size" exclude each other



=== TEST 45: status= and fail=
--- config
    location /v1/ { llm_mock openai status=500 fail=cut; }
--- must_die
--- error_log
"status" and "fail" exclude each other



=== TEST 46: times= alone
--- config
    location /v1/ { llm_mock openai times=3; }
--- must_die
--- error_log
"times" and "every" need "status" or "fail"



=== TEST 47: args= that is no object
--- config
    location /v1/ { llm_mock openai tool=* args=[1]; }
--- must_die
--- error_log
"args" is no JSON object: "[1]"



=== TEST 48: twice in a location
--- config
    location /v1/ { llm_mock openai; llm_mock anthropic; }
--- must_die
--- error_log
"llm_mock" directive is duplicate



=== TEST 49: a count of tokens
--- config
    location /v1/ { llm_mock anthropic prompt_tokens=42 model=fix "text=all the same"; }
--- request
POST /v1/messages/count_tokens
{"model":"c","messages":[{"role":"user","content":"hi"}]}
--- response_headers
Content-Type: application/json
--- response_body: {"input_tokens":42}



=== TEST 50: a count of what is no chat
--- config
    location /v1/ { llm_mock anthropic model=fix "text=all the same"; }
--- request
POST /v1/messages/count_tokens
{"model":"c"}
--- error_code: 400
--- response_body_like: "messages: is required"



=== TEST 51: embeddings
--- config
    location /v1/ { llm_mock openai prompt_tokens=7; }
--- request
POST /v1/embeddings
{"model":"m","input":["a","b","a"],"dimensions":2}
--- response_body_like eval
qr/^\{"object":"list","data":\[\{"object":"embedding","index":0,"embedding":(\[-?0\.\d{4},-?0\.\d{4}\])\},\{"object":"embedding","index":1,"embedding":(?!\1)\[-?0\.\d{4},-?0\.\d{4}\]\},\{"object":"embedding","index":2,"embedding":\1\}\],"model":"m","usage":\{"prompt_tokens":7,"total_tokens":7\}\}$/



=== TEST 52: embeddings in base64, later
--- config
    location /v1/ { llm_mock openai delay=1ms; }
--- request
POST /v1/embeddings
{"model":"m","input":"a","encoding_format":"base64"}
--- response_body_like eval
qr/"embedding":"[A-Za-z0-9+\/]{43}="/



=== TEST 53: no embeddings
--- config
    location /v1/ { llm_mock openai; }
--- request
POST /v1/embeddings
{"model":"m","input":[]}
--- error_code: 400
--- response_body_like: "param":"input"
