//! The modes: which one a service is in, and the buttons that switch it.

use crate::web::html::Text;

/// Asks before a mode is switched, and for the token where there is one; who does not run scripts
/// does not see it.
pub(super) fn dialog(has_token: bool) -> String {
    let token = match has_token {
        true => "<label>Token <input type=\"password\" autocomplete=\"off\"></label>",
        false => "",
    };
    format!(
        "<dialog id=\"confirm\" aria-labelledby=\"asked\"><form method=\"dialog\">\
         <p id=\"asked\"></p>{token}<output></output><div><button type=\"button\">Leave it</button>\
         <button type=\"submit\" class=\"yes\">Do it</button></div></form></dialog>\n"
    )
}

/// Buttons for the modes of a service, or of all; the one that it is in is pressed.
pub(super) fn buttons(service: Option<&str>, mode: &str) -> String {
    let label = match service {
        Some(service) => format!("Mode of {}", Text(service)),
        None => "Mode of all services".to_owned(),
    };
    labelled("service", service, mode, &label)
}

/// Buttons for the modes of a pool of machines.
pub(super) fn buttons_of_pool(pool: &str, mode: &str) -> String {
    let label = format!("Mode of the machines {}", Text(pool));
    labelled("pool", Some(pool), mode, &label)
}

fn labelled(what: &str, of: Option<&str>, mode: &str, label: &str) -> String {
    let button = |name: &str| {
        let pressed = name == mode;
        let (of, key) = match of {
            Some(of) => {
                let of = Text(of);
                (
                    format!(" data-{what}=\"{of}\""),
                    format!("{name} {what} {of}"),
                )
            }
            None => (String::new(), name.to_owned()),
        };
        format!(
            "<button data-mode=\"{name}\"{of} data-key=\"{key}\" aria-pressed=\"{pressed}\">\
             {name}</button>"
        )
    };
    let buttons: String = ["off", "advise", "act"].map(button).concat();
    format!("<span class=\"modes\" role=\"group\" aria-label=\"{label}\">{buttons}</span>")
}

/// A mode as a class, and what a service in it does.
pub(super) fn meaning(mode: &str) -> (&'static str, String) {
    match mode {
        "act" => ("act", "acts".to_owned()),
        "advise" => ("advise", "advises only".to_owned()),
        "off" => ("off", "off".to_owned()),
        other => ("off", Text(other).to_string()),
    }
}
