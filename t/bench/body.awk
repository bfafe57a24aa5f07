# writes a request: -v model=NAME -v kind=plain|large|stream, for chat
# completions or -v client=messages

function repeat(text, n,    i, s) {
    s = ""

    for (i = 0; i < n; i++) {
        s = s text
    }

    return s
}


BEGIN {
    system_text = "You are a helpful assistant of a shop. Answer in the " \
                  "language of the question, keep to what you know, and say " \
                  "so when you do not know.\\n"

    question = "How do I send back a lamp that I bought \\\"as new\\\" two " \
               "weeks ago, and who pays for the parcel? It cost 49,90 EUR. "

    answer = "You can return it within 30 days.\\n\\n1. Open **Orders**.\\n" \
             "2. Choose *Return*.\\n3. Print the label.\\n"

    printf "{\"model\": \"%s\", ", model

    if (client == "messages") {
        printf "\"system\": \"%s\", \"messages\": [", repeat(system_text, 6)

    } else {
        printf "\"messages\": [{\"role\": \"system\", \"content\": " \
               "\"%s\"}, ", repeat(system_text, 6)
    }

    turns = (kind == "large") ? 60 : 1

    for (i = 0; i < turns; i++) {
        printf "{\"role\": \"user\", \"content\": \"%s\"}, ", \
               repeat(question, 4)
        printf "{\"role\": \"assistant\", \"content\": \"%s\"}, ", \
               repeat(answer, 5)
    }

    printf "{\"role\": \"user\", \"content\": \"%s\"}]", repeat(question, 2)

    if (kind == "large") {
        printf ", \"tools\": ["

        for (i = 0; i < 8; i++) {
            printf "%s{\"type\": \"function\", \"function\": {\"name\": " \
                   "\"find_order_%d\", \"description\": \"Finds an order by " \
                   "its number or by the address of the buyer.\", " \
                   "\"parameters\": {\"type\": \"object\", \"properties\": " \
                   "{\"number\": {\"type\": \"integer\", \"description\": " \
                   "\"the order's number\"}, \"email\": {\"type\": " \
                   "\"string\"}, \"states\": {\"type\": \"array\", " \
                   "\"items\": {\"type\": \"string\", \"enum\": [\"open\", " \
                   "\"sent\", \"returned\"]}}}, \"required\": " \
                   "[\"number\"]}}}", i ? ", " : "", i
        }

        printf "]"
    }

    if (kind == "stream") {
        printf ", \"stream\": true"
    }

    printf ", \"temperature\": 0.7, \"max_tokens\": 1024}"
}
