// Prints every error code of Kafka: number, name, and whether its exception is a RetriableException.

import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.protocol.Errors;

public final class KafkaErrors {
    public static void main(String[] arguments) {
        for (Errors error : Errors.values()) {
            boolean isRetriable = error.exception() instanceof RetriableException;
            System.out.println(error.code() + " " + error.name() + " " + isRetriable);
        }
    }
}
