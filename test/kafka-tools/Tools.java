// Runs Kafka's own command-line tools one after the other in one JVM, which takes a tenth of the time
// that a JVM for each of them takes. Reads a command per line (a class, then its arguments) and prints
// for each:
//
//   $ COMMAND
//   what it wrote until it ended
//   exit CODE
import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apache.kafka.common.utils.Exit;

public class Tools {
    /** Ends a tool where it would have ended the process. */
    static class Ended extends Error {}

    static Integer exitCode;
    static String outputAtExit;
    static List<Runnable> hooks = new ArrayList<>();

    public static void main(String[] args) throws Exception {
        PrintStream out = System.out;
        BufferedReader commands = new BufferedReader(new InputStreamReader(System.in));
        for (String line = commands.readLine(); line != null; line = commands.readLine()) {
            if (line.isBlank()) continue;
            ByteArrayOutputStream written = new ByteArrayOutputStream();
            PrintStream capture = new PrintStream(written, true);
            System.setOut(capture);
            System.setErr(capture);
            exitCode = null;
            hooks.clear();
            // Some tools catch what ends them and call it a failure: the first exit is the one.
            Exit.Procedure end = (code, message) -> {
                if (exitCode == null) {
                    exitCode = code;
                    outputAtExit = written.toString();
                }
                throw new Ended();
            };
            Exit.setExitProcedure(end);
            Exit.setHaltProcedure(end);
            Exit.setShutdownHookAdder((name, hook) -> hooks.add(hook));
            run(line, capture);
            for (Runnable hook : hooks) hook.run(); // the console producer sends its last records there
            out.println("$ " + line);
            out.println((exitCode == null ? written.toString() : outputAtExit).stripTrailing());
            out.println("exit " + (exitCode == null ? 0 : exitCode));
        }
        out.flush();
        Runtime.getRuntime().halt(0); // tools leave threads behind
    }

    /** What follows ` << ` is given to the tool as its input, `|` standing for the end of a line. */
    static void run(String line, PrintStream capture) throws Exception {
        String[] parts = line.split(" << ", 2);
        if (parts.length == 2) System.setIn(new ByteArrayInputStream(parts[1].replace('|', '\n').getBytes()));
        String[] words = parts[0].split(" ");
        var main = Class.forName(words[0]).getMethod("main", String[].class);
        try {
            main.invoke(null, (Object) Arrays.copyOfRange(words, 1, words.length));
        } catch (InvocationTargetException e) {
            if (!(e.getCause() instanceof Ended)) e.getCause().printStackTrace(capture);
        }
    }
}
