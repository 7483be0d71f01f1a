// Converse and ConverseStream with the AWS SDK for Java 2.x: the artifact
// software.amazon.awssdk:bedrockruntime. The region and the credentials come from the
// environment that localbedrock prints.

import java.net.URI;
import software.amazon.awssdk.services.bedrockruntime.BedrockRuntimeAsyncClient;
import software.amazon.awssdk.services.bedrockruntime.BedrockRuntimeClient;
import software.amazon.awssdk.services.bedrockruntime.model.ContentBlock;
import software.amazon.awssdk.services.bedrockruntime.model.ConversationRole;
import software.amazon.awssdk.services.bedrockruntime.model.ConverseResponse;
import software.amazon.awssdk.services.bedrockruntime.model.ConverseStreamResponseHandler;
import software.amazon.awssdk.services.bedrockruntime.model.Message;

public class Converse {
    static final String MODEL = "amazon.nova-lite-v1:0";

    public static void main(String[] args) {
        URI endpoint = URI.create(System.getenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME"));
        Message question = Message.builder()
                .role(ConversationRole.USER)
                .content(ContentBlock.fromText("Who are you?"))
                .build();

        try (BedrockRuntimeClient client = BedrockRuntimeClient.builder().endpointOverride(endpoint).build()) {
            ConverseResponse answer = client.converse(r -> r.modelId(MODEL).messages(question));
            System.out.println(answer.output().message().content().get(0).text());
        }

        try (BedrockRuntimeAsyncClient client = BedrockRuntimeAsyncClient.builder().endpointOverride(endpoint).build()) {
            ConverseStreamResponseHandler handler = ConverseStreamResponseHandler.builder()
                    .subscriber(ConverseStreamResponseHandler.Visitor.builder()
                            .onContentBlockDelta(event -> System.out.print(event.delta().text()))
                            .onMessageStop(event -> System.out.println("\n(" + event.stopReasonAsString() + ")"))
                            .build())
                    .build();
            client.converseStream(r -> r.modelId(MODEL).messages(question), handler).join();
        }
    }
}
