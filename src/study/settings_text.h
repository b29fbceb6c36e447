// SPDX-License-Identifier: Apache-2.0
// The text that names a trial must not change when an option is added that is off.
#ifndef LW_STUDY_SETTINGS_TEXT_H
#define LW_STUDY_SETTINGS_TEXT_H

// In lines that are "training " and a JSON object without blanks, leaves out every member whose value is 0, false
// or null, in place. So a setting that is off and one that a version does not know are written the same way: texts
// of an older version name the same trials, as long as what is new is off as 0, false or null. Lines of other
// kinds stay, and so does what is no such object.
void lw_settings_text_shorten(char *text);

#endif
