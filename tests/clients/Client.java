import java.io.ByteArrayInputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.Random;

/** A legacy caller written with java.net.http, as it comes (it offers h2c): java Client.java URL. It knows nothing of tokens. */
public class Client {
    private static final HttpClient CLIENT = HttpClient.newHttpClient();

    public static void main(String[] arguments) throws Exception {
        String url = arguments[0];
        byte[] body = new byte[1 << 20];
        new Random(7).nextBytes(body);

        HttpResponse<byte[]> got = call(url + "/echo/a%2Fb?x=1&y=two%20words", "GET", BodyPublishers.noBody());
        same("query", header(got, "X-Query"), "x=1&y=two words");

        HttpResponse<byte[]> fixed = call(url + "/echo", "POST", BodyPublishers.ofByteArray(body));
        same("fixed body", header(fixed, "X-Sha256"), sha256(body));

        BodyPublisher stream = BodyPublishers.ofInputStream(() -> new ByteArrayInputStream(body));
        HttpResponse<byte[]> chunked = call(url + "/echo", "POST", stream);
        same("chunked body", header(chunked, "X-Sha256"), sha256(body));

        HttpResponse<byte[]> head = call(url + "/bytes/4096", "HEAD", BodyPublishers.noBody());
        same("length of HEAD", header(head, "Content-Length"), "4096");

        for (String kind : new String[] {"fixed", "chunked"}) {
            HttpResponse<byte[]> answer = call(url + "/bytes/1048576?" + kind, "GET", BodyPublishers.noBody());
            same(kind + " answer", sha256(answer.body()), header(answer, "X-Sha256"));
        }
        for (int i = 0; i < 5; i++) {
            call(url + "/echo/" + i, "GET", BodyPublishers.noBody());
        }
        System.out.println("ok");
    }

    private static HttpResponse<byte[]> call(String url, String method, BodyPublisher body) throws Exception {
        HttpRequest request = HttpRequest.newBuilder(URI.create(url)).method(method, body).build();
        HttpResponse<byte[]> response = CLIENT.send(request, BodyHandlers.ofByteArray());
        same("status of " + method + " " + url, String.valueOf(response.statusCode()), "200");
        return response;
    }

    private static String header(HttpResponse<byte[]> response, String name) {
        return response.headers().firstValue(name).orElse("");
    }

    private static String sha256(byte[] data) throws Exception {
        return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(data));
    }

    private static void same(String what, String got, String wanted) {
        if (!got.equals(wanted)) {
            throw new AssertionError(what + ": '" + got + "' is not '" + wanted + "'");
        }
    }
}
