// What people do with their hands: an operator at the console, a payer at the cashier. Each step ends when the page
// says what came of it.

/** An operator takes a hold, and sees its code. Answers the address in the code. */
export async function take(page, { yuan, description }) {
  await page.locator(`nav a[href="/new"]`).click();
  await page.fill("#amount", yuan);
  await page.fill("#description", description);
  await page.locator("main form button.main").click();
  return page.locator(".pay a.button").getAttribute("href");
}

/** The payer opens the link, chooses what is offered first, and confirms. */
export async function confirm(page, link) {
  await page.goto(link);
  await page.locator("form[action=confirm] button").click();
  await page.fill("#digits", "123456");
  await page.locator("main form button.main").click();
  await page.locator("#money").waitFor();
}

/** An operator does something with the bill on the page, with all the steps of it. */
async function act(page, word, { yuan, reason }) {
  await page.locator(`.steps a[href$="/${word}"]`).click();
  if (yuan) {
    await page.fill("#amount", yuan);
    await page.locator("main form button.main").click();
  }
  await page.fill("#reason", reason);
  await page.locator("main form button.main").click();
  await page.locator("#came, [id^=waits-]").first().waitFor();
}

export const capture = (page, how) => act(page, "capture", how);
export const reverse = (page, how) => act(page, "reverse", how);
