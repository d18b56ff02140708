//! Modes of services and pools, and buttons that change them.

use crate::http::html::Text;

/// Dialog that confirms a change of the mode, and asks for the token if one is configured. Hidden
/// without scripts.
pub(super) fn dialog(has_token: bool) -> String {
    let token = match has_token {
        true => "<label>Token <input type=\"password\" autocomplete=\"off\"></label>",
        false => "",
    };
    format!(
        "<dialog id=\"confirm\" aria-labelledby=\"asked\"><form method=\"dialog\">\
         <p id=\"asked\"></p>{token}<output></output><div><button type=\"button\">Cancel</button>\
         <button type=\"submit\" class=\"yes\">Change</button></div></form></dialog>\n"
    )
}

/// Mode buttons of a service or of the loop; the current mode is pressed.
pub(super) fn buttons(service: Option<&str>, mode: &str) -> String {
    let label = match service {
        Some(service) => format!("Mode of {}", Text(service)),
        None => "Mode of the loop".to_owned(),
    };
    labelled("service", service, mode, &label)
}

/// Mode buttons of a pool.
pub(super) fn buttons_of_pool(pool: &str, mode: &str) -> String {
    let label = format!("Mode of pool {}", Text(pool));
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

/// CSS class and label of a mode.
pub(super) fn meaning(mode: &str) -> (&'static str, String) {
    match mode {
        "act" => ("act", "acts".to_owned()),
        "advise" => ("advise", "advises only".to_owned()),
        "off" => ("off", "off".to_owned()),
        other => ("off", Text(other).to_string()),
    }
}
