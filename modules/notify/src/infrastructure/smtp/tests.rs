//! URLs of mail servers, and mails as their bytes.

use super::*;

type Parts = (String, u16, Encryption, Option<(String, String)>);

fn smtp(url: &str) -> Result<Parts, SmtpError> {
    let smtp = Smtp::new(url, "shop@stoa.example")?;
    Ok((smtp.host, smtp.port, smtp.encryption, smtp.credentials))
}

#[test]
fn a_url_says_host_port_encryption_and_login() {
    let login = Some(("u@x".to_owned(), "p/w".to_owned()));
    let starttls = "smtp://u%40x:p%2Fw@mail.example?tls=starttls";
    let host = || "mail.example".to_owned();
    assert_eq!(
        smtp(starttls),
        Ok((host(), 587, Encryption::StartTls, login.clone()))
    );
    assert_eq!(
        smtp("smtp://mail.example:2525"),
        Ok((host(), 2525, Encryption::StartTls, None))
    );
    assert_eq!(
        smtp("smtps://u%40x:p%2Fw@mail.example"),
        Ok((host(), 465, Encryption::Tls, login))
    );
    assert_eq!(
        smtp("smtp://[::1]:25?tls=none"),
        Ok(("::1".to_owned(), 25, Encryption::None, None))
    );
}

#[test]
fn a_wrong_url_is_refused_without_its_password() {
    for url in [
        "http://u:secret@mail.example",
        "smtp://u:secret@mail.example?tls=maybe",
        "smtps://u:secret@mail.example?tls=none",
        "smtp://u:secret@mail.example?retry=1",
        "smtp://u@mail.example",
        "mail.example",
    ] {
        let error = smtp(url).expect_err(url);
        assert!(matches!(error, SmtpError::Url { .. }), "{url}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
    let from = Smtp::new("smtp://mail.example", "nobody");
    assert!(matches!(from, Err(SmtpError::From { .. })));
    let shown = format!(
        "{:?}",
        Smtp::new("smtp://u:secret@mail.example", "a@b.example")
    );
    assert!(!shown.contains("secret"), "{shown}");
}

#[test]
fn nothing_in_a_mail_becomes_a_header() {
    let relay = Relay::new(Smtp::new("smtp://mail.example", "shop@stoa.example").expect("a URL"));
    let letter = Letter {
        subject: "Hello\r\nBcc: all@example.com".to_owned(),
        text: "text\n.\nQUIT".to_owned(),
        html: "<p>html</p>".to_owned(),
    };
    let mut mail = Outgoing {
        from_name: "Tea\r\nBcc: all@example.com",
        reply_to: Some("care@shop.example\r\nBcc: all@example.com"),
        to: "ada@example.com",
        letter: &letter,
        message_id: "<job_1@stoa.example>",
        at: Timestamp::from_micros(1_700_000_000_000_000),
    };
    let bytes = relay.message(&mail).expect("a mail").formatted();
    let text = String::from_utf8(bytes.clone()).expect("ASCII");
    let head = text.split("\r\n\r\n").next().expect("headers");
    let mut names: Vec<&str> = head
        .split("\r\n")
        .filter(|line| !line.starts_with([' ', '\t']))
        .filter_map(|line| line.split(':').next())
        .collect();
    names.sort_unstable();
    let expected = [
        "Auto-Submitted",
        "Content-Type",
        "Date",
        "From",
        "MIME-Version",
        "Message-ID",
        "Subject",
        "To",
    ];
    assert_eq!(names, expected, "{head}");
    assert!(head.contains("Message-ID: <job_1@stoa.example>"), "{head}");
    assert!(
        head.contains("Date: Tue, 14 Nov 2023 22:13:20 +0000"),
        "{head}"
    );
    let again = relay.message(&mail).expect("a mail").formatted();
    assert_eq!(bytes, again, "the same bytes at every attempt");

    mail.to = "ada@example.com\r\nBcc: all@example.com";
    let refused = relay.message(&mail).expect_err("no address");
    assert_eq!(refused, "the recipient's address is not one");
}
