// Answers requests with an error, as Kafka would: reads API key, version, error code and the request's body in hex from
// each line, and prints the answer's body in hex.

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.ByteBuffer;
import java.util.HexFormat;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.protocol.MessageUtil;
import org.apache.kafka.common.requests.AbstractRequest;
import org.apache.kafka.common.requests.AbstractResponse;

public final class KafkaRefusals {
    public static void main(String[] arguments) throws Exception {
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            String[] words = line.split(" ", -1);
            short version = Short.parseShort(words[1]);
            ByteBuffer body = ByteBuffer.wrap(HexFormat.of().parseHex(words[3]));
            ApiKeys api = ApiKeys.forId(Integer.parseInt(words[0]));
            AbstractRequest request = AbstractRequest.parseRequest(api, version, new ByteBufferAccessor(body)).request;
            Throwable error = Errors.forCode(Short.parseShort(words[2])).exception();
            AbstractResponse answer = request.getErrorResponse(0, error);
            ByteBuffer bytes = MessageUtil.toByteBufferAccessor(answer.data(), version).buffer();
            byte[] raw = new byte[bytes.remaining()];
            bytes.get(raw);
            System.out.println(HexFormat.of().formatHex(raw));
        }
    }
}
