// Runs Kafka's command line programs one after the other in one JVM, which starts once instead of for each of them.
//
// A command on stdin: the number of its lines, the lines (class, arguments), the number of bytes of its input, those.
// The answer on stdout: exit code, bytes of output, bytes of complaints, on one line; then both.

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.apache.kafka.common.utils.Exit;

public final class KafkaTools {
    /** Ends a program where it would have ended the JVM. */
    private static final class ExitError extends Error { }

    /** Goes to where the current program's output is kept: libraries remember the stream that they saw first. */
    private static final class Switched extends OutputStream {
        volatile OutputStream target = OutputStream.nullOutputStream();

        @Override
        public void write(int value) throws IOException {
            target.write(value);
        }

        @Override
        public void write(byte[] data, int start, int size) throws IOException {
            target.write(data, start, size);
        }
    }

    private static final Switched OUTPUT = new Switched();
    private static final Switched ERRORS = new Switched();
    private static final List<Runnable> HOOKS = new ArrayList<>();
    private static Integer exitCode;

    public static void main(String[] arguments) throws Exception {
        PrintStream answers = System.out;
        DataInputStream commands = new DataInputStream(System.in);
        System.setOut(new PrintStream(OUTPUT, true, StandardCharsets.UTF_8));
        System.setErr(new PrintStream(ERRORS, true, StandardCharsets.UTF_8));
        Exit.setExitProcedure((code, message) -> end(code));
        Exit.setHaltProcedure((code, message) -> end(code));
        Exit.setShutdownHookAdder((name, hook) -> HOOKS.add(hook));
        String line;
        while ((line = readLine(commands)) != null) {
            String[] words = new String[Integer.parseInt(line)];
            for (int number = 0; number < words.length; number++) {
                words[number] = readLine(commands);
            }
            System.setIn(new ByteArrayInputStream(commands.readNBytes(Integer.parseInt(readLine(commands)))));
            ByteArrayOutputStream printed = new ByteArrayOutputStream();
            ByteArrayOutputStream complained = new ByteArrayOutputStream();
            exitCode = null;
            HOOKS.clear();
            OUTPUT.target = printed;
            ERRORS.target = complained;
            run(words);
            silence();
            answers.println((exitCode == null ? 0 : exitCode) + " " + printed.size() + " " + complained.size());
            printed.writeTo(answers);
            complained.writeTo(answers);
            answers.flush();
        }
        Runtime.getRuntime().halt(0);
    }

    /** Some programs catch what ends them, complain and end again: what counts is the first time. */
    private static void end(int code) {
        if (exitCode == null) {
            exitCode = code;
            HOOKS.forEach(Runnable::run);
            silence();
        }
        throw new ExitError();
    }

    private static void silence() {
        System.out.flush();
        System.err.flush();
        OUTPUT.target = OutputStream.nullOutputStream();
        ERRORS.target = OutputStream.nullOutputStream();
    }

    private static void run(String[] words) {
        String[] rest = java.util.Arrays.copyOfRange(words, 1, words.length);
        try {
            Class.forName(words[0]).getMethod("main", String[].class).invoke(null, (Object) rest);
            HOOKS.forEach(Runnable::run);
        } catch (InvocationTargetException failure) {
            if (exitCode == null) {
                failure.getCause().printStackTrace();
                exitCode = 1;
            }
        } catch (ReflectiveOperationException failure) {
            failure.printStackTrace();
            exitCode = 1;
        }
    }

    private static String readLine(DataInputStream commands) throws IOException {
        ByteArrayOutputStream line = new ByteArrayOutputStream();
        int value;
        while ((value = commands.read()) != '\n') {
            if (value < 0) {
                return null;
            }
            line.write(value);
        }
        return line.toString(StandardCharsets.UTF_8);
    }
}
